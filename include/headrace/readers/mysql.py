"""Tables and views of MySQL and MariaDB, streamed as Arrow batches out of one snapshot."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from socket import SHUT_RDWR, socket
from threading import Lock
from typing import TYPE_CHECKING

import pyarrow as pa
from MySQLdb import MySQLError

from include.headrace.config import MysqlSource, MysqlTable
from include.headrace.errors import SourceError
from include.headrace.readers.base import Piece, Span
from include.headrace.readers.mysql_catalog import columns_of
from include.headrace.readers.mysql_connection import (
    begin,
    connected,
    is_encrypted,
    socket_of,
    statement_error,
)
from include.headrace.readers.mysql_rows import binary_batches, text_batches
from include.headrace.readers.mysql_split import sharing
from include.headrace.readers.mysql_statement import Statement
from include.headrace.readers.mysql_types import Carried, carried
from include.headrace.readers.sql_rows import SqlRows

if TYPE_CHECKING:
    from MySQLdb.connections import Connection


class MysqlReader:
    """One table or view of a MySQL or MariaDB server."""

    def __init__(self, source: MysqlSource, table: MysqlTable) -> None:
        self._source = source
        self._table = table

    @contextmanager
    def open(self, span: Span) -> Iterator[MysqlExtraction]:
        """See ``Reader.open``. The snapshot is one REPEATABLE READ, READ ONLY transaction.

        It covers InnoDB and other engines with transactions. A table of another engine, such as
        MyISAM, is locked against writing while its rows are read, so that they are of one moment too.
        Several readers each have a connection, and snapshots of one moment (see ``mysql_split``).
        """
        table = self._table
        with connected(self._source.connection, self._source.tunnel) as (connection, default):
            database = table.database or default
            if database is None:
                raise SourceError(
                    f"Connection {self._source.connection!r} names no database, and neither does the table "
                    f"{table.name!r}; add `database` to it in the source file."
                )
            where = f"{database}.{table.name}"
            with ExitStack() as stack:
                try:
                    begin(connection)
                    columns = [carried(column) for column in columns_of(connection, database, table)]
                    statement = Statement(connection, database, table, columns, span)
                    connections, ranges = stack.enter_context(
                        sharing(self._source, table, connection, database)
                    )
                    statements = [statement.text(within) for within in ranges]
                except MySQLError as error:
                    raise statement_error(error, where) from None
                sockets = [stack.enter_context(closing(socket_of(one))) for one in connections]
                made = SplitMysqlExtraction if len(connections) > 1 else MysqlExtraction
                extraction = made(table, where, columns, connections, statements, sockets)
                try:
                    yield extraction
                finally:
                    if extraction.is_reading:
                        # The server would go on sending to whoever still holds a stream.
                        extraction.cancel()


class MysqlExtraction:
    """The open read of one table: some statements, which together are all its rows."""

    def __init__(
        self,
        table: MysqlTable,
        where: str,
        columns: list[Carried],
        connections: Sequence[Connection],
        statements: Sequence[str],
        sockets: Sequence[socket],
    ) -> None:
        self._where = where
        self._columns = columns
        self._connections = connections
        self._waiting = deque(statements)
        self._sockets = sockets
        self._reading = 0
        self._lock = Lock()
        self.schema = pa.schema([one.field for one in columns])
        self._rows = SqlRows(table, where, [one.converted for one in columns], self.schema)

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is the row's key, or its number in this read."""
        return self._rows.pieces(self._batches(self._connections[0]))

    def cancel(self) -> None:
        """See ``CancellableExtraction.cancel``. The connections are of no more use."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(SHUT_RDWR)

    @property
    def is_reading(self) -> bool:
        """True while rows of a statement are left that a connection has begun to read."""
        return self._reading > 0

    def _batches(self, connection: Connection) -> Iterator[list[pa.Array]]:
        """The rows of statements that no other connection has taken."""
        try:
            # The socket of an encrypted connection can be read by the driver alone.
            read = text_batches if is_encrypted(connection) else binary_batches
            while (statement := self._taken()) is not None:
                for batch in read(connection, statement):
                    yield [
                        column if one.is_binary else _text(column)
                        for one, column in zip(self._columns, batch, strict=True)
                    ]
                with self._lock:
                    self._reading -= 1
        except MySQLError as error:
            raise statement_error(error, self._where) from None

    def _taken(self) -> str | None:
        with self._lock:
            if not self._waiting:
                return None
            self._reading += 1
            return self._waiting.popleft()


class SplitMysqlExtraction(MysqlExtraction):
    """The open read of one table by several connections, which take the next range whenever one is done."""

    def streams(self) -> Sequence[Iterator[Piece]]:
        """See ``SplitExtraction.streams``. Without a key, a position is the row's number in its stream."""
        return [self._rows.pieces(self._batches(connection)) for connection in self._connections]


def _text(column: pa.Array) -> pa.Array:
    """Bytes as text; left as they are, for the conversion to tell which, where some are not UTF-8."""
    if not pa.types.is_binary(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return column
