"""What signs requests to an API, by the source file's `auth`."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

import httpx
import msgspec

from include.headrace.config import apis
from include.headrace.errors import SourceError
from include.headrace.readers.http_connection import HttpConnection
from include.headrace.readers.http_exchange import Answer, Exchange
from include.headrace.readers.http_retry import Clock
from include.headrace.readers.http_secrets import Secrets

RENEW_SECONDS = 60.0
RENEW_SHARE = 0.1
"""A token is renewed this long before it expires, or this share of its life where that is shorter."""


class Signature:
    """Signs requests. This one adds nothing."""

    parameter: str | None = None
    """The query parameter that holds the key, if one does."""

    def prepare(self) -> None:
        """Fetch what is needed before a request is signed."""

    def renew(self) -> bool:
        """Drop what the API no longer takes. True when the next request will be signed otherwise."""
        return False

    def sign(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        """Put the signature into the headers, or into the URL that is returned."""
        return url


class InHeader(Signature):
    """A header that is always the same."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def sign(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        headers[self._name] = self._value
        return url


class InParameter(Signature):
    """A key as a query parameter."""

    def __init__(self, name: str, value: str) -> None:
        self.parameter, self._value = name, value

    def sign(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        assert self.parameter is not None
        return url.copy_set_param(self.parameter, self._value)


class ByClientCredentials(Signature):
    """A bearer token by OAuth 2 client credentials: fetched once, kept, renewed before it expires."""

    def __init__(
        self,
        auth: apis.ClientCredentials,
        connection: HttpConnection,
        exchange: Exchange,
        clock: Clock,
        secrets: Secrets,
    ) -> None:
        self._url = connection.base_url.join(auth.token_path)
        self._wanted = {"grant_type": "client_credentials"}
        self._wanted |= {"scope": auth.scope} if auth.scope else {}
        self._wanted |= {"audience": auth.audience} if auth.audience else {}
        self._connection = connection
        self._exchange = exchange
        self._clock = clock
        self._secrets = secrets
        self._in_form = False
        self._token: str | None = None
        self._until = float("inf")

    def prepare(self) -> None:
        if self._token is None or self._clock.monotonic() >= self._until:
            self._fetch()

    def renew(self) -> bool:
        self._token = None
        return True

    def sign(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        headers["Authorization"] = f"Bearer {self._token}"
        return url

    def _fetch(self) -> None:
        asked_at = self._clock.monotonic()
        answer = self._exchange.send(self._request)
        if answer.status in (400, 401) and not self._in_form:
            # RFC 6749 wants every server to take HTTP Basic; some take id and secret in the form only.
            self._in_form = True
            again = self._exchange.send(self._request)
            self._in_form = again.status == 200
            answer = again if self._in_form else answer
        if answer.status != 200:
            raise SourceError(
                f"{answer.told()} The API gives no token for the login (the client's id) and password (its "
                f"secret) of the Airflow connection {self._connection.connection_id!r}; correct the "
                "connection, or `auth` in the source file."
            )
        self._token, life = self._read(answer)
        self._secrets.add(self._token)
        self._until = asked_at + life - min(RENEW_SECONDS, RENEW_SHARE * life)

    def _request(self, client: httpx.Client) -> httpx.Request:
        """RFC 6749, section 2.3.1: id and secret go as HTTP Basic, each form-encoded, or in the form."""
        if self._in_form:
            pair = {"client_id": self._connection.login, "client_secret": self._connection.password}
            return client.build_request("POST", self._url, data=self._wanted | pair)
        login, password = quote_plus(self._connection.login), quote_plus(self._connection.password)
        headers = {"Authorization": basic(login, password)}
        self._secrets.add(headers["Authorization"].removeprefix("Basic "))
        return client.build_request("POST", self._url, data=self._wanted, headers=headers)

    def _read(self, answer: Answer) -> tuple[str, float]:
        """The token and its life in seconds, which may be infinite (RFC 6749, section 5.1)."""
        # What the answer holds is not shown: it may be a token.
        wrong = SourceError(
            f"{answer.url} answered with what is no token of type Bearer; correct `token_path` in the source "
            "file."
        )
        try:
            fields = msgspec.json.decode(answer.body, type=dict[str, object])
        except msgspec.MsgspecError:
            raise wrong from None
        token, kind = fields.get("access_token"), fields.get("token_type", "Bearer")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise wrong
        if str(kind).lower() != "bearer":
            raise wrong
        try:
            life = float(str(fields.get("expires_in", "inf")))
        except ValueError:
            life = float("inf")
        return token, life


def basic(login: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{login}:{password}'.encode()).decode()}"


def signature(
    auth: apis.Auth,
    connection: HttpConnection,
    exchange: Exchange,
    clock: Clock,
    secrets: Secrets,
) -> Signature:
    """What signs the requests of a source. ``exchange`` is for tokens: it sends without a signature.

    Raises SourceError when the connection lacks what `auth` needs.
    """
    login, password = connection.login, connection.password
    match auth:
        case apis.NoAuth():
            return Signature()
        case apis.ApiKey():
            _need(connection, "password")
            if auth.parameter is not None:
                return InParameter(auth.parameter, password)
            assert auth.header is not None
            return InHeader(auth.header, password)
        case apis.Bearer():
            _need(connection, "password")
            return InHeader("Authorization", f"Bearer {password}")
        case apis.Basic():
            _need(connection, "login")
            return InHeader("Authorization", basic(login, password))
        case apis.ClientCredentials():
            _need(connection, "login", "password")
            return ByClientCredentials(auth, connection, exchange, clock, secrets)


def _need(connection: HttpConnection, *fields: str) -> None:
    for field in fields:
        if not getattr(connection, field):
            raise SourceError(
                f"The Airflow connection {connection.connection_id!r} has no {field}, which `auth` in the "
                "source file signs requests with. Correct the connection."
            )
