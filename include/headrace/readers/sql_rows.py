"""Rows of a SQL table as pieces: what cannot be carried is set aside under the row's key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from include.headrace.config import Table
from include.headrace.readers.base import Piece, Rejected
from include.headrace.readers.pieces import convert, null_cursors, record_text, split
from include.headrace.readers.values import Conversion, Faults, value_text


class SqlRows:
    """Makes pieces of what a driver gives.

    ``where`` names the table in positions; ``conversions`` are those of the columns of ``schema``, whose
    names are the source's.
    """

    def __init__(
        self, table: Table, where: str, conversions: Sequence[Conversion], schema: pa.Schema
    ) -> None:
        self._where = where
        self._names = schema.names
        self._conversions = conversions
        self._schema = schema
        self._cursor = table.cursor
        self._keys = [name for name in table.primary_key if name in schema.names]

    def pieces(self, batches: Iterable[Sequence[pa.Array]]) -> Iterator[Piece]:
        """The pieces of batches as they arrived, a column each. A position is the key or number."""
        seen = 0
        for arrived in batches:
            rows, faults = convert(arrived, self._conversions, self._schema)
            faults = {**self._without_cursor(arrived), **faults}
            first = seen + 1

            def reject(
                row: int, reason: str, arrived: Sequence[pa.Array] = arrived, first: int = first
            ) -> Rejected:
                position = self._position(arrived, row, first + row)
                return Rejected(position, reason, record_text(self._names, arrived, row))

            seen += rows.num_rows
            yield from split(rows, faults, reject)

    def _without_cursor(self, arrived: Sequence[pa.Array]) -> Faults:
        if self._cursor is None:
            return {}
        return null_cursors(self._cursor, arrived[self._names.index(self._cursor)])

    def _position(self, arrived: Sequence[pa.Array], row: int, number: int) -> str:
        if not self._keys:
            return f"{self._where} row {number}"
        values = (f"{name}={value_text(arrived[self._names.index(name)], row)}" for name in self._keys)
        return f"{self._where} {' '.join(values)}"
