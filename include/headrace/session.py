"""A Snowflake session as the load protocol wants it, and errors told apart by what a retry can do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from include.headrace.errors import HeadraceError, PassingError, PermanentError

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import ResultMetadata

LOGIN_TIMEOUT_SECONDS = 60
NETWORK_TIMEOUT_SECONDS = 3900
"""How long one request may take with its retries; the connector's own default has no end."""

QUERY_TAG_LIMIT = 2000
"""Characters a query tag may have (Snowflake documentation, "QUERY_TAG")."""

PASSING_ERRNOS = frozenset({625, 604, 605, 630, 250001, 250002, 250003, 251001, 251011, 251012})
"""Lock waits and deadlocks (625), cancelled or timed-out statements, and connections that failed."""

HTTP_ERRNOS = range(290_500, 290_600)
"""Replies of class 5xx that outlasted the connector's own retries: it adds the status to 290000."""

NO_WAREHOUSE_ERRNO = 606

SIGN_IN_ERRNOS = frozenset({390100, 390101, 390102, 390144, 390186, 390189, 390190, 390303, 390422, 394508})
"""A wrong user, password, key or token, or a locked user: trying again only locks it longer."""

SESSION_PARAMETERS: Mapping[str, Any] = {
    "AUTOCOMMIT": True,
    "TRANSACTION_ABORT_ON_ERROR": True,
    "ABORT_DETACHED_QUERY": True,
    "ERROR_ON_NONDETERMINISTIC_MERGE": True,
    "ERROR_ON_NONDETERMINISTIC_UPDATE": True,
    "TIMEZONE": "UTC",
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "DATE_INPUT_FORMAT": "AUTO",
    "TIME_INPUT_FORMAT": "AUTO",
    "LOCK_TIMEOUT": 900,
    "STATEMENT_TIMEOUT_IN_SECONDS": 3600,
}


class CommitInDoubt(PassingError):
    """The reply to the COMMIT of ``transaction`` was lost: it may or may not have been carried out."""

    def __init__(self, message: str, transaction: str) -> None:
        super().__init__(message)
        self.transaction = transaction


@dataclass(frozen=True)
class Stream:
    """The answer of one statement, to be read batch by batch.

    ``rows`` is how many rows the server says there are. ``batches`` gives them as Arrow tables, in order
    and once; the types of a column may differ from one to the next.
    """

    query_id: str
    description: Sequence[ResultMetadata]
    rows: int
    batches: Iterator[pa.Table]


class Session:
    """One connection to Snowflake. Values are bound by the server (``?``), never pasted in."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._connection = connection
        self._is_lost = False

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run one statement; its rows as dicts with lower-case names. Raises as ``translate`` says."""
        rows, _ = self._run(statement, values)
        return rows

    def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it changed. Raises as ``translate`` says."""
        _, count = self._run(statement, values)
        return count

    @contextmanager
    def stream(self, statement: str) -> Iterator[Stream]:
        """Run one statement and read its rows in bounded memory: one batch, and the next on its way.

        NUMBER with a scale comes as decimal. Raises as ``translate`` says, in the block too.
        """
        self._connection.client_fetch_threads = 1
        self._connection.arrow_number_to_decimal_setter = True
        with self._cursor(statement) as cursor:
            cursor.execute(statement)
            yield Stream(
                cursor.sfqid, cursor.description, int(cursor.rowcount or 0), cursor.fetch_arrow_batches()
            )

    def insert(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run an INSERT with one set of bound values a row, as one statement."""
        if not rows:
            return
        with self._cursor(statement) as cursor:
            cursor.executemany(statement, [tuple(row) for row in rows])

    def commit(self, transaction: str) -> None:
        """COMMIT the open transaction, given by its id.

        Raises CommitInDoubt on any error, so that the caller reads the ledger: an error of the
        transport does not say what became of the request.
        """
        try:
            self._run("COMMIT", ())
        except HeadraceError as error:
            raise CommitInDoubt(str(error), transaction) from error

    def rollback(self) -> None:
        """ROLLBACK, on a path that already has an error to raise: one of its own is not raised.

        Closing the session ends the transaction as well, and is all that is done once the connection was
        lost: another statement would wait for it as long as the one that failed.
        """
        if self._is_lost:
            self.close()
            return
        try:
            self._run("ROLLBACK", ())
        except HeadraceError:
            self.close()

    def close(self) -> None:
        """Close the connection; a transaction still open is rolled back by the server."""
        self._connection.close()

    def _run(self, statement: str, values: Sequence[Any]) -> tuple[list[dict[str, Any]], int]:
        with self._cursor(statement) as cursor:
            cursor.execute(statement, tuple(values) or None)
            names = [column.name.lower() for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []
            return rows, int(cursor.rowcount or 0)

    @contextmanager
    def _cursor(self, statement: str) -> Iterator[Any]:
        from snowflake.connector.errors import Error
        from snowflake.connector.vendored.requests.exceptions import RequestException

        try:
            cursor = self._connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()
        except (Error, RequestException) as error:
            self._is_lost = _is_of_transport(error)
            translate(error, f"while running {_short(statement)}")


def _short(statement: str) -> str:
    words = " ".join(statement.split())
    return words if len(words) <= 160 else words[:157] + "..."


def translate(error: Exception, where: str) -> NoReturn:
    """Raise a connector's error as PassingError or PermanentError, by its number and SQL state.

    SQL states of class 08 (connection) and 57 (cancelled, lock wait) may pass; so does an error
    of the transport that has no state, such as the RequestException that the connector lets through
    for a reply that was cut short. A wrong sign-in never does.
    """
    number = int(getattr(error, "errno", None) or -1)
    state = str(getattr(error, "sqlstate", None) or "")
    message = f"Snowflake, {where}: {getattr(error, 'msg', None) or error}"
    if number in SIGN_IN_ERRNOS or "Incorrect username or password" in message:
        raise PermanentError(f"{message} Check the connection's user and its password or key.") from error
    if number == NO_WAREHOUSE_ERRNO:
        raise PermanentError(
            f"{message} Give the connection a warehouse, and its role the use of it."
        ) from error
    if (
        _is_of_transport(error)
        or number in PASSING_ERRNOS
        or number in HTTP_ERRNOS
        or state[:2] in ("08", "57")
    ):
        raise PassingError(message) from error
    raise PermanentError(message) from error


def _is_of_transport(error: Exception) -> bool:
    """True when no answer of the server was read: what became of the request is not known."""
    from snowflake.connector.vendored.requests.exceptions import RequestException

    state = getattr(error, "sqlstate", None)
    named = type(error).__name__ in ("OperationalError", "InterfaceError")
    return isinstance(error, RequestException) or (named and not state)


def query_tag(**fields: str | int | None) -> str:
    """The query tag: JSON of what runs, so that cost and history can be read a DAG, task or load.

    Raises PermanentError when it is longer than Snowflake takes.
    """
    tag = json.dumps({"app": "headrace", **{k: v for k, v in fields.items() if v is not None}})
    if len(tag) > QUERY_TAG_LIMIT:
        raise PermanentError(
            f"The query tag is {len(tag)} characters long, {QUERY_TAG_LIMIT} at most: {tag[:80]}..."
        )
    return tag


def sessions(conn_id: str, tag: str) -> Callable[[], Session]:
    """A function that opens a new session each time, from an Airflow connection of type snowflake.

    The provider's hook reads the connection, so every way to sign in that it knows works. It
    does not pass on ``protocol``, which a Snowflake behind plain HTTP needs, so this does.
    """

    def open_session() -> Session:
        from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
        from snowflake.connector import connect
        from snowflake.connector.errors import Error
        from snowflake.connector.vendored.requests.exceptions import RequestException

        hook = SnowflakeHook(snowflake_conn_id=conn_id)
        settings: dict[str, Any] = dict(hook._get_conn_params())
        extra = hook.get_connection(conn_id).extra_dejson
        if "protocol" in extra:
            settings["protocol"] = extra["protocol"]
        settings["session_parameters"] = {
            **(settings.get("session_parameters") or {}),
            **SESSION_PARAMETERS,
            "QUERY_TAG": tag,
        }
        settings |= {
            "paramstyle": "qmark",
            "autocommit": True,
            "login_timeout": LOGIN_TIMEOUT_SECONDS,
            "network_timeout": NETWORK_TIMEOUT_SECONDS,
        }
        try:
            return Session(connect(**settings))
        except (Error, RequestException) as error:
            translate(error, f"signing in through the connection {conn_id}")

    return open_session
