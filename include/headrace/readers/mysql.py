"""Tables and views of MySQL and MariaDB, streamed as Arrow batches out of one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
from MySQLdb import MySQLError

from include.headrace.config import MysqlSource, MysqlTable
from include.headrace.errors import SourceError
from include.headrace.readers.base import Piece, Rejected, Span
from include.headrace.readers.mysql_catalog import columns_of
from include.headrace.readers.mysql_connection import begin, connected, statement_error
from include.headrace.readers.mysql_rows import batches
from include.headrace.readers.mysql_statement import Statement
from include.headrace.readers.mysql_types import Carried, carried
from include.headrace.readers.pieces import convert, null_cursors, record_text, split
from include.headrace.readers.values import Faults, value_text

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
        """
        with connected(self._source.connection, self._source.tunnel) as (connection, default):
            database = self._table.database or default
            if database is None:
                raise SourceError(
                    f"Connection {self._source.connection!r} names no database, and neither does the table "
                    f"{self._table.name!r}; add `database` to it in the source file."
                )
            where = f"{database}.{self._table.name}"
            try:
                begin(connection)
                columns = [carried(column) for column in columns_of(connection, database, self._table)]
                statement = Statement(connection, database, self._table, columns, span).text()
            except MySQLError as error:
                raise statement_error(error, where) from None
            yield MysqlExtraction(self._table, where, columns, connection, statement)


class MysqlExtraction:
    """The open stream of one table."""

    def __init__(
        self,
        table: MysqlTable,
        where: str,
        columns: list[Carried],
        connection: Connection,
        statement: str,
    ) -> None:
        self._table = table
        self._where = where
        self._columns = columns
        self._connection = connection
        self._statement = statement
        self._names = [one.column.name for one in columns]
        self.schema = pa.schema([one.field for one in columns])

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is the row's key, or its number in this read."""
        seen = 0
        for batch in self._batches():
            arrived = [
                column if one.is_binary else _text(column)
                for one, column in zip(self._columns, batch, strict=True)
            ]
            rows, faults = convert(arrived, [one.conversion for one in self._columns], self.schema)
            faults = {**self._without_cursor(arrived), **faults}
            first = seen + 1

            def reject(
                row: int, reason: str, arrived: list[pa.Array] = arrived, first: int = first
            ) -> Rejected:
                return Rejected(
                    self._position(arrived, row, first + row),
                    reason,
                    record_text(self._names, arrived, row),
                )

            seen += rows.num_rows
            yield from split(rows, faults, reject)

    def _batches(self) -> Iterator[list[pa.Array]]:
        try:
            yield from batches(self._connection, self._statement, len(self._columns))
        except MySQLError as error:
            raise statement_error(error, self._where) from None

    def _without_cursor(self, arrived: list[pa.Array]) -> Faults:
        cursor = self._table.cursor
        return null_cursors(cursor, arrived[self._names.index(cursor)]) if cursor is not None else {}

    def _position(self, arrived: list[pa.Array], row: int, number: int) -> str:
        keys = [name for name in self._table.primary_key if name in self._names]
        if not keys:
            return f"{self._where} row {number}"
        values = (f"{name}={value_text(arrived[self._names.index(name)], row)}" for name in keys)
        return f"{self._where} {' '.join(values)}"


def _text(column: pa.Array) -> pa.Array:
    """A column as text; left as bytes, for its conversion to tell which, where some are not UTF-8."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return column
