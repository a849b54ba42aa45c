"""The client of HTTP APIs that give JSON: one connection, signed, patient, and at home on one origin only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec

from include.headrace.config import ApiSource
from include.headrace.errors import SourceError
from include.headrace.readers.http_auth import Signature, signature
from include.headrace.readers.http_connection import HttpConnection, http_connection
from include.headrace.readers.http_exchange import EXCERPT, Answer, Exchange
from include.headrace.readers.http_retry import Clock, Patience, Spacing, SystemClock
from include.headrace.readers.http_secrets import Secrets

REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5

SEEN_AROUND = 1000
"""How many bytes on each side of a fault in JSON are looked at for secrets before some are shown."""

DEFAULT_HEADERS = {"Accept": "application/json", "User-Agent": "headrace"}


class ApiClient:
    """Requests to one API. Made by ``api_client``."""

    def __init__(self, base_url: httpx.URL, sign: Signature, exchange: Exchange) -> None:
        self._base_url = base_url
        self._signature = sign
        self._exchange = exchange

    def request(
        self,
        method: str,
        path_or_url: str,
        *,
        parameters: Mapping[str, str | int | float | bool] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask the API, and ask again while the failure may pass.

        ``path_or_url`` is a path below the connection's address, or a whole URL on the same origin, such
        as the next page's; ``parameters`` are added to its query; ``json`` is sent as the body. Every
        request is taken to read only, so that it may be sent twice.

        The answer's body is one whole JSON value; it is empty when the status is 204.

        Raises SourceError for a status that a retry does not mend, an answer that is not JSON or too large, a
        URL or a redirect to another origin, a wrong login; PassingError when the server stays down,
        overloaded or silent.
        """
        url = self._url(path_or_url).copy_merge_params(dict(parameters or {}))
        content = None if json is None else msgspec.json.encode(json)
        sent = dict(headers or {})
        if content is not None:
            sent["Content-Type"] = "application/json"
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._signed(method, url, content, sent)
            if answer.status not in REDIRECTS or "Location" not in answer.headers:
                return self._good(answer)
            if method != "GET" and answer.status not in (307, 308):
                raise SourceError(f"{answer.told()} A {method} is not redirected so; correct `path`.")
            url = self._same_origin(url, answer.headers["Location"])
        raise SourceError(f"{answer.told()} That is redirect {MAX_REDIRECTS + 1} in a row; correct `path`.")

    def hidden(self, text: str) -> str:
        """A text of the API's, such as an error in a good answer, without the secrets of the connection."""
        return self._exchange.hidden(text)

    def _signed(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str]) -> Answer:
        def make(client: httpx.Client) -> httpx.Request:
            self._signature.prepare()
            return client.build_request(method, url, content=content, headers=headers)

        answer = self._exchange.send(make, _is_whole)
        if answer.status == 401 and self._signature.renew():
            answer = self._exchange.send(make, _is_whole)
        return answer

    def _url(self, path_or_url: str) -> httpx.URL:
        if path_or_url.startswith("/") and not path_or_url.startswith("//"):
            return httpx.URL(str(self._base_url).rstrip("/") + path_or_url)
        return self._same_origin(self._base_url, path_or_url)

    def _same_origin(self, around: httpx.URL, given: str) -> httpx.URL:
        """A URL that the API named, without the key that it may repeat."""
        try:
            url = around.join(given)
        except httpx.InvalidURL:
            raise SourceError(f"{_origin(around)} names a URL that is none; the API is at fault.") from None
        if _origin(url) != _origin(self._base_url) or url.userinfo:
            raise SourceError(
                f"{_origin(self._base_url)} sends us on to {_origin(url)}, which is another origin and gets "
                "no login of ours. If the API has moved, correct the host of the connection."
            )
        if self._signature.parameter is not None:
            url = url.copy_remove_param(self._signature.parameter)
        return url.copy_with(fragment=None)

    def _good(self, answer: Answer) -> Answer:
        if answer.status in (204, 205):
            return answer
        if answer.status in (401, 403):
            raise SourceError(
                f"{answer.told()} The API does not take the login; correct the connection, or `auth` in the "
                "source file."
            )
        if answer.status == 407:
            raise SourceError(f"{answer.told()} Correct the connection named in `proxy`.")
        if not answer.has_content:
            raise SourceError(
                f"{answer.told()} Correct `path` and what is sent with it, in the source file, or the "
                "connection."
            )
        try:
            msgspec.json.decode(answer.body, type=msgspec.Raw)
        except msgspec.DecodeError as error:
            where = self._around(answer.body, str(error))
            raise SourceError(f"{answer.told()} That is not JSON ({error}{where}); correct `path`.") from None
        return answer

    def _around(self, body: bytes, said: str) -> str:
        """The text where the parser stopped, where that is beyond the excerpt."""
        found = re.search(r"\(byte (\d+)\)", said)
        if found is None or int(found[1]) < EXCERPT:
            return ""
        # Hidden before it is cut, so that no part of a secret is left at an end.
        place = int(found[1])
        before, after = (
            self._exchange.hidden(part.decode("utf-8", "replace"))
            for part in (body[max(0, place - SEEN_AROUND) : place], body[place : place + SEEN_AROUND])
        )
        return f", near {before[-40:] + after[:20]!r}"


def _origin(url: httpx.URL) -> str:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return f"{url.scheme}://{url.host}:{port}"


def _is_whole(body: bytes) -> bool:
    """False for JSON that breaks off, as where a gateway gave up in the middle."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return not body or "truncated" not in str(error)
    return True


class _Signing(httpx.BaseTransport):
    """Signs below httpx's client, which logs each URL and puts requests into its errors."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.signature = Signature()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = request.headers.copy()
        url = self.signature.sign(request.url, headers)
        signed = httpx.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        return self._inner.handle_request(signed)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def api_client(
    source: ApiSource, *, patience: Patience | None = None, clock: Clock | None = None
) -> Iterator[ApiClient]:
    """A client of the source's API, by its Airflow connections, closed at the end.

    Nothing is sent before the first request. Raises SourceError for what is wrong with the connections.
    """
    clock, patience = clock or SystemClock(), patience or Patience()
    connection = http_connection(source.connection)
    proxy = http_connection(source.proxy) if source.proxy else None
    secrets = Secrets([*connection.secrets, *(proxy.secrets if proxy else ())])
    inner = httpx.HTTPTransport(verify=connection.tls, trust_env=False, proxy=_proxy(proxy))
    signing = _Signing(inner)
    common: dict[str, Any] = {"timeout": connection.timeout, "trust_env": False}
    headers = {**DEFAULT_HEADERS, **connection.headers}
    with (
        httpx.Client(transport=signing, headers=headers, **common) as signed,
        httpx.Client(transport=inner, headers=DEFAULT_HEADERS, **common) as plain,
    ):
        tokens = Exchange(plain, patience, clock, secrets, Spacing(None, clock))
        signing.signature = signature(source.auth, connection, tokens, clock, secrets)
        spacing = Spacing(source.requests_per_second, clock)
        exchange = Exchange(signed, patience, clock, secrets, spacing)
        yield ApiClient(connection.base_url, signing.signature, exchange)


def _proxy(connection: HttpConnection | None) -> httpx.Proxy | None:
    if connection is None:
        return None
    login = (connection.login, connection.password) if connection.login else None
    return httpx.Proxy(
        connection.base_url,
        auth=login,
        headers=connection.headers,
        ssl_context=connection.tls if connection.base_url.scheme == "https" else None,
    )
