"""Airflow connections of type http: where an API or a proxy is, who asks, and its TLS."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from include.headrace.errors import SourceError
from include.headrace.readers.connections import named
from include.headrace.settings import is_prod

if TYPE_CHECKING:
    from airflow.sdk import Connection

TIMEOUT_SECONDS = 60.0
"""How long a server may be silent, unless the connection's extra says otherwise in ``timeout``."""
CONNECT_SECONDS = 15.0

OPTIONS = ("verify", "cert", "key", "key_password", "timeout")
"""What the extra says to this client. Every other name in it is a header, as HttpHook has it."""

NOT_KNOWN = (
    *("allow_redirects", "check_response", "max_redirects", "proxies", "proxy", "srv_lookup", "stream"),
    *("trust_env", "verify_ssl"),
)
"""Options of apache-airflow-providers-http 6.3 (HttpHook) that this client does not have. They are
refused rather than sent as headers or passed over."""


@dataclass(frozen=True)
class HttpConnection:
    """An Airflow connection, read. ``headers`` are those of its extra."""

    connection_id: str
    base_url: httpx.URL
    login: str
    password: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    tls: ssl.SSLContext
    timeout: httpx.Timeout
    key_password: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log and no error may show."""
        pair = base64.b64encode(f"{self.login}:{self.password}".encode()).decode()
        return (self.password, self.key_password, *self.headers.values(), *([pair] if self.password else []))


def http_connection(connection_id: str) -> HttpConnection:
    """Read a connection of type http as Airflow's HttpHook does.

    ``host`` is a name or a whole URL with or without a path; ``schema`` is http (the default) or https
    where the host is only a name; ``port`` is put into either. The extra may hold:

    - ``verify``: path of a PEM file with the CAs to trust in place of the public ones (those of certifi,
      or of SSL_CERT_FILE). ``false`` checks no certificate at all, and is refused in prod.
    - ``cert``, ``key``, ``key_password``: paths of the client's certificate and key (PEM), and the
      key's password. Without ``key``, the key is in the file of ``cert``.
    - ``timeout``: how many seconds the server may be silent, 60 by default.
    - anything else: a header to send.

    Proxies of the environment (HTTPS_PROXY and its like) are not used: a source names its `proxy`.

    Raises SourceError when there is no such connection, or it does not hold this.
    """
    found = _found(connection_id)
    extra = found.extra_dejson
    unknown = sorted(set(extra) & set(NOT_KNOWN))
    if unknown:
        raise _wrong(
            connection_id,
            f"has {', '.join(unknown)} in its extra, which this client does not have; it knows "
            f"{', '.join(OPTIONS)}, and takes every other name for a header. A proxy is named in the source "
            "file, in `proxy`",
        )
    headers = {name: value for name, value in extra.items() if name not in OPTIONS}
    for name, value in headers.items():
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise _wrong(connection_id, f"has {name!r} in its extra, whose value is no header's")
    return HttpConnection(
        connection_id=connection_id,
        base_url=_base_url(connection_id, found),
        login=found.login or "",
        password=found.password or "",
        headers=headers,
        tls=_tls(connection_id, extra),
        timeout=httpx.Timeout(_seconds(connection_id, extra), connect=CONNECT_SECONDS),
        key_password=str(extra.get("key_password") or ""),
    )


def _found(connection_id: str) -> Connection:
    from airflow.providers.common.compat.sdk import BaseHook

    with named(connection_id):
        return BaseHook.get_connection(connection_id)


def _wrong(connection_id: str, what: str) -> SourceError:
    return SourceError(f"The Airflow connection {connection_id!r} {what}. Correct the connection.")


def _base_url(connection_id: str, found: Connection) -> httpx.URL:
    host = (found.host or "").strip()
    if not host:
        raise _wrong(connection_id, "has no host; write the API's address there")
    try:
        url = httpx.URL(host if "://" in host else f"{found.schema or 'http'}://{host}")
        if found.port:
            url = url.copy_with(port=int(found.port))
    except httpx.InvalidURL:
        raise _wrong(connection_id, "has a host that makes no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise _wrong(connection_id, "has an address that is neither http:// nor https:// and a host")
    if url.userinfo or url.query or url.fragment:
        what = "has a host that holds a login, a query or a fragment; put login and password in their fields"
        raise _wrong(connection_id, what)
    return url.copy_with(path=url.path.rstrip("/") or "/")


def _seconds(connection_id: str, extra: dict[str, Any]) -> float:
    given = extra.get("timeout", TIMEOUT_SECONDS)
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise _wrong(connection_id, "has a `timeout` in its extra that is no number of seconds up to 3600")
    return seconds


def _tls(connection_id: str, extra: dict[str, Any]) -> ssl.SSLContext:
    context = _trusting(connection_id, extra.get("verify", True))
    cert, key = extra.get("cert"), extra.get("key")
    if cert is None:
        if key is not None:
            raise _wrong(connection_id, "has `key` in its extra without `cert`")
        return context
    try:
        # An empty password makes an encrypted key an error, where none at all would ask the terminal.
        context.load_cert_chain(str(cert), str(key) if key else None, str(extra.get("key_password") or ""))
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise _wrong(
            connection_id, f"has a `cert` or `key` in its extra that cannot be used ({what})"
        ) from None
    return context


def _trusting(connection_id: str, verify: object) -> ssl.SSLContext:
    given = {"true": True, "false": False}.get(str(verify).lower(), verify)
    if given is True:
        return httpx.create_ssl_context()
    if given is False:
        if is_prod():
            raise _wrong(
                connection_id,
                "has `verify: false` in its extra, and prod talks to no server it does not know; write the "
                "path of the CA's certificate there",
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not isinstance(given, str) or not Path(given).is_file():
        what = "has a `verify` in its extra that is no file; write the path of a PEM file"
        raise _wrong(connection_id, what)
    try:
        return ssl.create_default_context(cafile=given)
    except (ssl.SSLError, OSError):
        raise _wrong(connection_id, "has a `verify` in its extra that holds no PEM certificates") from None
