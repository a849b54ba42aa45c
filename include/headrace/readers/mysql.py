"""Tables and views of MySQL and MariaDB, streamed as Arrow batches out of one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    statement_error,
)
from include.headrace.readers.mysql_rows import binary_batches, text_batches
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
        self.schema = pa.schema([one.field for one in columns])

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is the row's key, or its number in this read."""
        conversions = [one.converted for one in self._columns]
        yield from SqlRows(self._table, self._where, conversions, self.schema).pieces(self._batches())

    def _batches(self) -> Iterator[list[pa.Array]]:
        try:
            # The socket of an encrypted connection can be read by the driver alone.
            read = text_batches if is_encrypted(self._connection) else binary_batches
            for batch in read(self._connection, self._statement):
                yield [
                    column if one.is_binary else _text(column)
                    for one, column in zip(self._columns, batch, strict=True)
                ]
        except MySQLError as error:
            raise statement_error(error, self._where) from None


def _text(column: pa.Array) -> pa.Array:
    """Bytes as text; left as they are, for the conversion to tell which, where some are not UTF-8."""
    if not pa.types.is_binary(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return column
