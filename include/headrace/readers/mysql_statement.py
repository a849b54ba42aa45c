"""The SELECT of one read of a MySQL table: which columns, and which part of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from include.headrace import settings
from include.headrace.config import MysqlTable
from include.headrace.errors import SourceError
from include.headrace.names import quote
from include.headrace.readers.base import Span
from include.headrace.readers.mysql_types import Carried

if TYPE_CHECKING:
    from MySQLdb.connections import Connection

HASH_BUCKETS = 1_000_000


class Statement:
    """The SELECT of one read: written from the catalog, with every bound as a literal of its type."""

    def __init__(
        self,
        connection: Connection,
        database: str,
        table: MysqlTable,
        columns: list[Carried],
        span: Span,
    ) -> None:
        self._connection = connection
        self._relation = quote(database, table.name)
        self._table = table
        self._columns = columns
        self._span = span

    def text(self, within: str = "") -> str:
        """The statement, of the rows that meet the condition ``within``, if there is one.

        Raises SourceError for a bound that is not of the cursor's type.
        """
        table = self._table
        prototype = not settings.is_prod()
        listed = ", ".join(column.expression for column in self._columns)
        statement = f"SELECT {listed} FROM {self._relation}"
        conditions = self._conditions(prototype)
        if prototype and table.sample is not None:
            conditions.append(self._sampled(table.sample))
        if within:
            conditions.append(within)
        if conditions:
            statement += f" WHERE {' AND '.join(conditions)}"
        if prototype and table.limit is not None:
            if table.primary_key:
                statement += f" ORDER BY {', '.join(quote(name) for name in table.primary_key)}"
            statement += f" LIMIT {table.limit:d}"
        return statement

    def _conditions(self, prototype: bool) -> list[str]:
        table, span = self._table, self._span
        if table.cursor is None:
            if span.lower is not None or span.upper is not None:
                raise SourceError(f"{table.name} has no cursor, and only a part of it was asked for.")
            return []
        name = quote(table.cursor)
        kind = next(one for one in self._columns if one.column.name == table.cursor)
        is_moment = kind.column.type in ("date", "datetime", "timestamp")
        within = []
        if span.lower is not None:
            within.append(f"{name} {'>=' if span.lower_inclusive else '>'} {self._bound(kind, span.lower)}")
        if span.upper is not None:
            within.append(f"{name} < {self._bound(kind, span.upper)}")
        if prototype and table.window is not None:
            if not is_moment:
                raise SourceError(
                    f"`window` of {table.name} needs a cursor that is a date or a timestamp; "
                    f"{table.cursor!r} is {kind.column.written}."
                )
            microseconds = round(table.window.total_seconds() * 1_000_000)
            newest = f"(SELECT MAX({name}) FROM {self._relation})"
            within.append(f"{name} >= {newest} - INTERVAL {microseconds:d} MICROSECOND")
        if not within:
            return []
        # Rows without a cursor would be lost in silence, so they are read and set aside.
        missing = f"{name} IS NULL"
        if is_moment:
            # So would rows with the date 0000-00-00, which is before every other.
            missing += f" OR {name} < TIMESTAMP'0001-01-01 00:00:00'"
        return [f"({' AND '.join(within)} OR {missing})"]

    def _bound(self, cursor: Carried, text: str) -> str:
        """A bound of the span as a literal of the cursor's type, which no text can break out of."""
        kind = cursor.field.type
        if pa.types.is_string(kind):
            return self._literal(text)
        try:
            value = pa.scalar(text).cast(kind)
        except pa.ArrowInvalid:
            raise SourceError(
                f"The bound {text!r} is no {cursor.column.written}, as the cursor {cursor.column.name!r} is."
            ) from None
        written = str(value.cast(pa.string()).as_py())
        if pa.types.is_date(kind):
            return f"DATE{self._literal(written)}"
        if pa.types.is_timestamp(kind):
            return f"TIMESTAMP{self._literal(written.removesuffix('Z'))}"
        return written

    def _literal(self, text: str) -> str:
        return str(self._connection.string_literal(text.encode()).decode())

    def _sampled(self, share: float) -> str:
        """A condition that picks the same rows each time: by a hash of the key, or of the whole row."""
        picked = [quote(name) for name in self._table.primary_key] or [
            one.expression for one in self._columns
        ]
        # As bytes, since texts of two character sets cannot be put together.
        hashed = ", ".join(f"CAST({expression} AS BINARY)" for expression in picked)
        return f"CRC32(CONCAT_WS(',', {hashed})) % {HASH_BUCKETS} < {round(share * HASH_BUCKETS):d}"
