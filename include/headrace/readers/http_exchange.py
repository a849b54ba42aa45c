"""Sending one request until it is answered: retries, the bound on an answer's size, and what errors say."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from include.headrace.errors import PassingError, SourceError
from include.headrace.readers import surrogates
from include.headrace.readers.http_retry import PASSING_STATUSES, Clock, Patience, Spacing, retry_after
from include.headrace.readers.http_secrets import Secrets

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest answer, unpacked, in bytes: a page is held whole while its records are read."""

MAX_BODY_SECONDS = 300.0
"""How long one answer may take to arrive, once it has begun."""

EXCERPT = 200
"""How many characters of an answer an error shows."""

PERMANENT_TLS = (
    "CERTIFICATE_VERIFY_FAILED",
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "ACCESS_DENIED",
    "HANDSHAKE_FAILURE",
    "PROTOCOL_VERSION",
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
)
"""Ends of OpenSSL's reasons (RFC 8446, section 6.2, names the alerts) that a retry does not mend."""

BOM = b"\xef\xbb\xbf"
"""A mark that some servers put before JSON; a parser may pass it over (RFC 8259, section 8.1)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """A whole answer. ``url`` and ``excerpt`` hold no secret; ``headers`` are found in any case."""

    method: str
    url: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    excerpt: str
    """The body's first characters."""
    sent: httpx.URL = field(repr=False)
    """The URL as it was sent, without its signature; it may hold what ``url`` hides."""

    @property
    def has_content(self) -> bool:
        """True for a good answer that holds something (RFC 9110, section 15.3)."""
        return 200 <= self.status < 300 and self.status not in (204, 205)

    def join(self, url: str) -> str:
        """A URL of this answer, such as the next page's, made whole (RFC 3986, section 5).

        Raises SourceError when it is none.
        """
        try:
            return str(self.sent.join(url))
        except httpx.InvalidURL:
            raise SourceError(f"{self.told()} It names the URL {url!r}, which is none.") from None

    def told(self) -> str:
        """What was asked and answered, as a sentence for an error."""
        said = f"{self.method} {self.url} answered {self.status} {self.reason}".rstrip()
        return f"{said}: {self.excerpt!r}." if self.excerpt else f"{said}."


@dataclass(frozen=True)
class _Trouble:
    """A try that failed in a way that may pass."""

    what: str
    wait: float | None = None
    """Seconds that the server asked for."""


class Exchange:
    """Sends requests through one httpx client, each until it is answered or patience ends."""

    def __init__(
        self, client: httpx.Client, patience: Patience, clock: Clock, secrets: Secrets, spacing: Spacing
    ) -> None:
        self._client = client
        self._patience = patience
        self._clock = clock
        self._secrets = secrets
        self._spacing = spacing

    def send(
        self, make: Callable[[httpx.Client], httpx.Request], whole: Callable[[bytes], bool] | None = None
    ) -> Answer:
        """The answer to a request that ``make`` makes anew for each try, of the client it is given.

        Every status but those of PASSING_STATUSES is an answer. ``whole`` tells of the body of a good
        answer whether it was cut off, which HTTP itself cannot always tell.

        Raises PassingError when patience ends, SourceError for an answer that is too large, and for TLS
        and proxies that refuse for good.
        """
        started = self._clock.monotonic()
        failed = 0
        while True:
            self._spacing.wait()
            request = make(self._client)
            outcome = self._tried(request)
            if isinstance(outcome, Answer):
                if not outcome.has_content or whole is None or whole(outcome.body):
                    return outcome
                outcome = _Trouble("the answer ends early")
            failed += 1
            elapsed = self._clock.monotonic() - started
            wait = self._patience.wait(failed, outcome.wait, elapsed, self._clock)
            said = f"{self._named(request)} failed: {outcome.what}"
            if wait is None:
                asked = "" if outcome.wait is None else f" It asks to wait {outcome.wait:.0f} seconds."
                raise PassingError(
                    f"{said}. It was tried {failed} times in {elapsed:.0f} seconds.{asked} Is the server "
                    "well and reachable?"
                )
            log.info("%s; trying again in %.1f seconds (try %d).", said, wait, failed + 1)
            self._clock.sleep(wait)

    def hidden(self, text: str) -> str:
        """A text without the secrets of the connection."""
        return self._secrets.hide(text)

    def _tried(self, request: httpx.Request) -> Answer | _Trouble:
        try:
            response = self._client.send(request, stream=True)
            try:
                body = self._body(request, response)
            finally:
                response.close()
        except httpx.TimeoutException:
            return _Trouble("the server did not answer in time")
        except (httpx.TransportError, httpx.DecodingError) as error:
            return self._trouble(request, error)
        excerpt = self._secrets.hide(body[: 4 * EXCERPT].decode("utf-8", "replace"))[:EXCERPT]
        reason = self._secrets.hide(response.reason_phrase)
        if response.status_code in PASSING_STATUSES:
            wait = retry_after(response.headers.get("Retry-After"), self._clock.wall())
            what = f"the server answered {response.status_code} {reason}".rstrip()
            return _Trouble(f"{what}: {excerpt!r}" if excerpt else what, wait)
        body = surrogates.as_bytes(body.removeprefix(BOM))
        return Answer(
            request.method,
            self._secrets.hide(str(request.url)),
            response.status_code,
            reason,
            response.headers,
            body,
            excerpt,
            request.url,
        )

    def _body(self, request: httpx.Request, response: httpx.Response) -> bytes:
        parts: list[bytes] = []
        size, started = 0, self._clock.monotonic()
        for part in response.iter_bytes():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise SourceError(
                    f"{self._named(request)} gives more than {MAX_BODY_BYTES // 1024**2} MB in one answer; "
                    "ask for smaller pages, by `size` in the source file."
                )
            if self._clock.monotonic() - started > MAX_BODY_SECONDS:
                raise httpx.ReadTimeout("the answer does not come to its end", request=request)
            parts.append(part)
        return b"".join(parts)

    def _trouble(self, request: httpx.Request, error: httpx.RequestError) -> _Trouble:
        """What went wrong below HTTP, where it may pass. Raises SourceError where it will not."""
        text = self._secrets.hide(str(error)) or type(error).__name__
        if isinstance(error, (httpx.LocalProtocolError, httpx.UnsupportedProtocol)):
            # The error's own text repeats the header, which may be the key with a line end behind it.
            raise SourceError(
                f"{self._named(request)} cannot be sent: it is no HTTP. Look for line ends and other control "
                "characters in the connection's login, password and extra."
            ) from None
        if isinstance(error, httpx.ProxyError) and text.startswith(("401", "403", "407")):
            raise SourceError(
                f"The proxy refuses {self._named(request)}: {text}. Correct the connection named in `proxy`."
            ) from None
        reason = _tls_reason(error)
        if reason.endswith(PERMANENT_TLS):
            raise SourceError(
                f"{self._named(request)} failed in TLS: {text}. Correct `verify` (the CA to trust), `cert` "
                "and `key` (who asks) in the extra of the connection, or its address."
            ) from None
        return _Trouble(text)

    def _named(self, request: httpx.Request) -> str:
        return f"{request.method} {self._secrets.hide(str(request.url))}"


def _tls_reason(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error.reason or ""
        error = error.__cause__ or error.__context__
    return ""
