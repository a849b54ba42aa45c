"""Connections to PostgreSQL through Airflow's hook, and its errors told apart by what a retry can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import dbapi

from include.headrace.errors import HeadraceError, PassingError, SourceError
from include.headrace.readers.connections import named
from include.headrace.readers.reaching import reached

if TYPE_CHECKING:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

LOCAL, PORT = "localhost", 5432
"""Where libpq looks when a connection names no host or port."""

DEFAULTS = {
    "connect_timeout": "15",
    "application_name": "headrace",
    "keepalives_idle": "60",
    "keepalives_interval": "10",
    "keepalives_count": "6",
}
"""libpq parameters that the connection's extra may override. The keepalives find a server that
vanished within two minutes instead of the two hours of Linux's default."""

PASSING_STATES = ("08", "25P03", "40", "53", "55P03", "57", "58")
"""SQLSTATE classes and codes worth a retry (PostgreSQL documentation, appendix A): connection,
idle transaction ended, rollback, resources, lock timeout, operator intervention, system error."""

PERMANENT_CONNECT = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "not permitted to log in",
    "permission denied",
    "certificate",
    "alert unknown ca",
    "alert decrypt error",
    "does not support SSL",
    "pg_hba.conf rejects",
    "invalid",
)
"""What libpq says when a connection fails for good. A failed connection has no SQLSTATE."""

PASSING_STREAM = (
    "canceling statement",
    "terminating connection",
    "connection",
    "deadlock",
    "could not serialize",
    "out of memory",
    "No space left",
)
"""What an ERROR in the middle of a stream says when a retry may help: Arrow drops the SQLSTATE."""


def hook_of(connection_id: str) -> PostgresHook:
    """Airflow's hook of a connection. Raises SourceError when there is no such connection."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    hook = PostgresHook(postgres_conn_id=connection_id)
    with named(connection_id):
        _ = hook.connection
    return hook


def conninfo(hook: PostgresHook, address: tuple[str, int] | None = None) -> str:
    """The hook's connection as a libpq connection string. It holds the password: never log it.

    ``address``, an IP address and a port, is where to connect to instead, for the same server: its
    certificate is still checked for the connection's host.

    Everything in the connection's extra that is not the hook's own option is a libpq parameter,
    ``sslmode`` and ``sslrootcert`` among them. Raises SourceError for one that libpq does not know.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo

    found = hook.connection
    login, password, port = found.login, found.password, found.port
    if found.extra_dejson.get("iam", False):
        login, password, port = hook.get_iam_token(found)
    extra = {
        name: str(value)
        for name, value in found.extra_dejson.items()
        if name not in hook.ignored_extra_options
    }
    parameters: dict[str, Any] = {
        **DEFAULTS,
        **extra,
        "host": found.host,
        "port": port,
        "user": login,
        "password": password,
        "dbname": found.schema,
        "client_encoding": "UTF8",
    }
    if address is not None:
        parameters["hostaddr"], parameters["port"] = address
    try:
        return make_conninfo(**{name: value for name, value in parameters.items() if value is not None})
    except ProgrammingError:
        raise SourceError(
            f"The extra of connection {found.conn_id!r} holds something that is no parameter of libpq; "
            f"it has {', '.join(sorted(extra))}. Remove what does not belong there."
        ) from None


def connect_error(error: DriverError, connection_id: str, secret: str | None) -> HeadraceError:
    """A failed connection as an error of ours, without the password."""
    text = _clean(error, secret)
    where = f"Connection {connection_id!r} to PostgreSQL failed: {text}"
    if any(said in text for said in PERMANENT_CONNECT):
        return SourceError(f"{where} Correct the connection, or the grants of its user.")
    return PassingError(f"{where} Is the server up and reachable?")


def statement_error(error: Exception, table: str, secret: str | None = None) -> HeadraceError:
    """An error of a statement or of its stream as an error of ours."""
    text = _clean(error, secret)
    state = getattr(error, "sqlstate", None)
    if state:
        passing = state.startswith(PASSING_STATES)
    else:
        passing = "ERROR:" not in text or any(said in text for said in PASSING_STREAM)
    if passing:
        return PassingError(f"Reading {table} from PostgreSQL broke off: {text}")
    return SourceError(f"PostgreSQL refused to read {table}: {text}")


def _clean(error: Exception, secret: str | None) -> str:
    lines = str(error).splitlines()
    # The driver repeats the whole statement after the server's message.
    upto = next((i for i, line in enumerate(lines) if line.startswith("Query was:")), len(lines))
    text = " ".join(line.strip() for line in lines[:upto] if line.strip(" ^"))
    return text.replace(secret, "***") if secret else text


@contextmanager
def connected(connection_id: str, tunnel: str | None = None) -> Iterator[dbapi.Connection]:
    """An open connection in a transaction, rolled back and closed at the end.

    ``tunnel`` is as in ``reached``. Raises SourceError for a wrong password, host, database or extra,
    and PassingError when the server cannot be reached.
    """
    hook = hook_of(connection_id)
    host, port = hook.connection.host or LOCAL, hook.connection.port or PORT
    with reached(tunnel, host, port) as address:
        try:
            connection = dbapi.connect(conninfo(hook, address if tunnel else None), autocommit=False)
        except DriverError as error:
            raise connect_error(error, connection_id, hook.connection.password) from None
        try:
            yield connection
        finally:
            # A server that is gone can neither roll back nor say goodbye; its transaction ended with it.
            with suppress(DriverError):
                connection.rollback()
            connection.close()
