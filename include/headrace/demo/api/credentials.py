"""Who may ask: an API key for REST; for GraphQL a token by OAuth 2 client credentials."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from urllib.parse import unquote_plus

from include.headrace.errors import ConfigError

PREFIX = "HEADRACE_DEMO_API_"
SCOPE = "read"
"""The one scope there is."""


@dataclass(frozen=True)
class Credentials:
    """The secrets of the API. Without a ``control_key`` its behaviour cannot be changed."""

    key: str
    client_id: str
    client_secret: str
    control_key: str | None = None

    def environment(self) -> dict[str, str]:
        """The variables that hand them to the server's process."""
        return {f"{PREFIX}{name.upper()}": value for name, value in vars(self).items() if value}

    @classmethod
    def from_environment(cls) -> Credentials:
        """What :meth:`environment` set. Raises ConfigError that names what is missing."""
        needed = ("key", "client_id", "client_secret")
        found = {name: os.environ.get(PREFIX + name.upper()) or None for name in (*needed, "control_key")}
        missing = [PREFIX + name.upper() for name in needed if found[name] is None]
        if missing:
            raise ConfigError(f"The demo's API needs {', '.join(missing)} in its environment; set them.")
        return cls(**found)  # type: ignore[arg-type]


def same(given: str | None, wanted: str | None) -> bool:
    """True for the right secret; how long it takes does not tell how much of it was right."""
    if given is None or wanted is None:
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def basic_login(header: str) -> tuple[str, str] | None:
    """Id and secret in an Authorization header of the scheme Basic.

    Both are form-encoded before (RFC 6749, section 2.3.1).
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        login, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (unquote_plus(login), unquote_plus(password)) if colon else None


class Tokens:
    """Bearer tokens (RFC 6750), each with its end."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def give(self, seconds: float) -> str:
        """A new token that lasts so many seconds."""
        now = time.monotonic()
        self._ends = {token: end for token, end in self._ends.items() if end > now}
        token = secrets.token_urlsafe(32)
        self._ends[token] = now + seconds
        return token

    def expire(self) -> None:
        """End every token given so far."""
        self._ends.clear()

    def takes(self, header: str | None) -> bool:
        """True when an Authorization header carries a token that lasts."""
        scheme, _, token = (header or "").partition(" ")
        return scheme.lower() == "bearer" and self._ends.get(token.strip(), 0.0) > time.monotonic()
