"""Connections to MySQL and MariaDB as Airflow's hook takes them, and their errors told apart.

mysqlclient without its conversions: every value arrives as the server sends it, so nothing is
rounded, wrapped or made NULL on the way, and a failure is an exception with the server's code.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import MySQLdb
from MySQLdb import MySQLError

from include.headrace.errors import HeadraceError, PassingError, SourceError
from include.headrace.readers.connections import named
from include.headrace.readers.reaching import reached

if TYPE_CHECKING:
    from airflow.providers.mysql.hooks.mysql import MySqlHook
    from MySQLdb.connections import Connection

DEFAULT_PORT = 3306
TIMEOUTS = {"connect_timeout": 15, "read_timeout": 3600, "write_timeout": 60}
"""Seconds. The server may think for an hour before it sends the next row."""

SESSION = (
    "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+00:00', sql_select_limit = 18446744073709551615, "
    "sql_big_selects = 1, sql_auto_is_null = 0",
    # The server must not cut off a reader that is busy staging what it has, which takes minutes.
    "SET SESSION net_write_timeout = GREATEST(@@net_write_timeout, 3600)",
    "SET SESSION lock_wait_timeout = LEAST(@@lock_wait_timeout, 60)",
)
"""Settings that decide how values are written and which rows are found, so that no server decides
it. The reader must not queue behind a lock for ever."""

MARIADB_LIMIT = "SET SESSION max_statement_time = IF(@@max_statement_time = 0, 43200, @@max_statement_time)"
MYSQL_LIMIT = "SET SESSION max_execution_time = IF(@@max_execution_time = 0, 43200000, @@max_execution_time)"
"""Twelve hours, where the server has no limit of its own (seconds in MariaDB, milliseconds in MySQL)."""

PASSING_CODES = frozenset(
    {
        *(1020, 1205, 1206, 1213, 1412, 1614, 1689),  # changed or locked by another
        *(1021, 1037, 1038, 1040, 1041, 1135, 1203, 1226),  # no disk, memory, connection or quota left
        *(1053, 1077, 1317, 1927, 1969, 3024, 3169, 4031),  # shut down, killed or timed out
        *(1152, 1158, 1159, 1160, 1161, 1184),  # the network, as the server sees it
        *(2002, 2003, 2006, 2012, 2013, 2027, 2055),  # the network, as the client sees it
    }
)
"""Codes worth a retry (MySQL 8.0 Error Message Reference; MariaDB's Error Codes)."""

TLS_FAILED = 2026
"""On connecting: a certificate that a person must mend. Later: a connection that broke off."""


def hook_of(connection_id: str) -> MySqlHook:
    """Airflow's hook of a connection. Raises SourceError when there is no such connection."""
    from airflow.providers.mysql.hooks.mysql import MySqlHook

    hook = MySqlHook(mysql_conn_id=connection_id)
    with named(connection_id):
        _ = hook.connection
    return hook


def tls_options(extra: Mapping[str, Any], connection_id: str) -> dict[str, Any]:
    """The driver's options for TLS, from ``ssl`` (ca, cert, key...) and ``ssl_mode`` of the extra.

    Where there is ``ssl``, the connection is never made without TLS; with a CA, the server's
    certificate and its name are checked unless ``ssl_mode`` says otherwise. Raises SourceError
    for an ``ssl`` that is no mapping, and for ``iam`` without such a check.
    """
    ssl, mode = extra.get("ssl") or {}, extra.get("ssl_mode")
    if isinstance(ssl, str):
        with suppress(json.JSONDecodeError):
            ssl = json.loads(ssl)
    if ssl is True:
        ssl, mode = {}, mode or "REQUIRED"
    if not isinstance(ssl, Mapping):
        raise SourceError(
            f"`ssl` in the extra of connection {connection_id!r} must be a mapping with ca, cert and key."
        )
    if ssl and not mode:
        mode = "VERIFY_IDENTITY" if "ca" in ssl or "capath" in ssl else "REQUIRED"
    mode = str(mode).upper() if mode else None
    if extra.get("iam", False) and not str(mode).startswith("VERIFY"):
        raise SourceError(
            f"Connection {connection_id!r} signs in with a token of AWS, which is sent as it is: add "
            "`ssl` with the `ca` of the server to its extra."
        )
    options = {"ssl": dict(ssl), "ssl_mode": mode}
    return {name: value for name, value in options.items() if value}


def check_encrypted(connection: Connection, connection_id: str) -> None:
    """Raise SourceError when the connection has no TLS, which MariaDB's client library lets pass.

    MYSQL_OPT_SSL_ENFORCE, what REQUIRED becomes there, "does not prevent the connection from being
    created if the server does not support TLS" (MariaDB Connector/C, mysql_optionsv).
    """
    if not is_encrypted(connection):
        raise SourceError(
            f"Connection {connection_id!r} asks for TLS, and the MySQL server has none; nothing was read. "
            "Set TLS up in the server, or take `ssl` and `ssl_mode` out of the connection's extra."
        )


def is_encrypted(connection: Connection) -> bool:
    """True when the server says that the connection has TLS."""
    connection.query(b"SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    found = connection.store_result().fetch_row(0, 0)
    return any(cipher for _, cipher in found)


def socket_of(connection: Connection) -> socket.socket:
    """A copy of the connection's socket: closing it leaves the driver its own."""
    return socket.socket(fileno=socket.dup(connection.fileno()))


def is_mariadb(connection: Connection) -> bool:
    """True when the server is MariaDB, which has other system variables and tables than MySQL."""
    return "mariadb" in connection.get_server_info().lower()


def begin(connection: Connection) -> None:
    """Fix the session's settings, and a snapshot of all transactional tables. Nothing can be written."""
    limit = MARIADB_LIMIT if is_mariadb(connection) else MYSQL_LIMIT
    for statement in (
        *SESSION,
        limit,
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ):
        connection.query(statement.encode())


def connect_error(error: Exception, connection_id: str, secret: str | None) -> HeadraceError:
    """A failed connection as an error of ours, without the password."""
    code, text = _told(error, secret)
    where = f"Connection {connection_id!r} to MySQL failed: {text}."
    if code in PASSING_CODES:
        return PassingError(f"{where} Is the server up and reachable?")
    return SourceError(f"{where} Correct the connection, or the grants of its user.")


def statement_error(error: Exception, table: str, secret: str | None = None) -> HeadraceError:
    """An error of a statement or of its rows as an error of ours."""
    code, text = _told(error, secret)
    if not code or code in PASSING_CODES or code == TLS_FAILED:
        return PassingError(f"Reading {table} from MySQL broke off: {text}")
    return SourceError(f"MySQL refused to read {table}: {text}")


def _told(error: Exception, secret: str | None) -> tuple[int, str]:
    """The server's or the driver's code, 0 for none, and the message with it, without the secret."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said = str(error.args[-1]) if error.args else type(error).__name__
    text = f"{said} ({code})" if code else said
    return code, text.replace(secret, "***") if secret else text


@contextmanager
def connected(connection_id: str, tunnel: str | None) -> Iterator[tuple[Connection, str | None]]:
    """An open connection, closed at the end, and the database that the Airflow connection names.

    Raises SourceError for a wrong password, host, extra or certificate, and PassingError when the
    server cannot be reached.
    """
    hook = hook_of(connection_id)
    found = hook.connection
    extra = found.extra_dejson
    password = found.password or ""
    options = tls_options(extra, connection_id)
    if extra.get("iam", False):
        password, found.port = hook.get_iam_token(found)
        # Sends the token as it is: what the hook does, too.
        options["read_default_group"] = "enable-cleartext-plugin"
    if extra.get("unix_socket"):
        options["unix_socket"] = extra["unix_socket"]
    with reached(tunnel, found.host or "localhost", int(found.port or DEFAULT_PORT)) as (host, port):
        try:
            connection = MySQLdb.connect(
                host=host,
                port=port,
                user=found.login or "",
                passwd=password,
                # The driver sends SET NAMES with it, after whatever the server does on connecting.
                charset="utf8mb4",
                use_unicode=False,
                conv={},
                local_infile=0,
                multi_statements=False,
                autocommit=None,
                **TIMEOUTS,
                **options,
            )
        except (MySQLError, TypeError, ValueError) as error:
            raise connect_error(error, connection_id, password) from None
        try:
            if options.get("ssl_mode", "PREFERRED") not in ("PREFERRED", "DISABLED"):
                check_encrypted(connection, connection_id)
            yield connection, found.schema or None
        finally:
            if connection.open:
                connection.close()
