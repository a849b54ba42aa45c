"""What part of a file's rows a load wants: its span, and a prototype's window, sample and limit.

Files know no WHERE, so rows are read, held against the bounds, and counted as discarded.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.headrace import settings
from include.headrace.config import Table
from include.headrace.errors import SourceError
from include.headrace.readers.base import Piece, Rejected, Span
from include.headrace.readers.division import runs
from include.headrace.readers.pieces import null_cursors, split
from include.headrace.readers.values import Faults

T = TypeVar("T")

Mask = npt.NDArray[np.bool_]

GOLDEN = 2_654_435_769
"""2**32 over the golden ratio: its multiples spread evenly (Knuth, The Art of Computer Programming,
volume 3, section 6.4), so that a sample has its share of any stretch of rows."""


@dataclass(frozen=True)
class Block:
    """Some rows of one file, converted, with those at fault still in place.

    ``first`` is the number of the first row in its file, from 0. ``reject`` makes the record set
    aside of a row of this block and a reason.
    """

    file: str
    first: int
    rows: pa.RecordBatch
    faults: Faults
    reject: Callable[[int, str], Rejected]


def check_named(table: Table, names: list[str], where: str) -> None:
    """Raise SourceError when the cursor, the key or ``exclude`` names a column that is not there."""
    fields = (
        ("cursor", [table.cursor] if table.cursor else []),
        ("primary_key", table.primary_key),
        ("exclude", table.exclude),
    )
    for field, wanted in fields:
        for name in wanted:
            if name not in names:
                raise SourceError(
                    f"{where} has no column {name!r}; it has {', '.join(names)}. "
                    f"Correct `{field}` in the source file."
                )
    if not set(names) - set(table.exclude):
        raise SourceError(f"{where} has no columns to read; check `exclude` in the source file.")


class Narrowing:
    """The bounds of one read of a table's files."""

    def __init__(self, table: Table, span: Span, schema: pa.Schema) -> None:
        """Raises SourceError when a bound is not of the cursor's type, or there is no cursor."""
        if table.cursor is None and (span.lower is not None or span.upper is not None):
            raise SourceError(f"{table.name} has no cursor, and only a part of it was asked for.")
        self._table = table
        self._kind = schema.field(table.cursor).type if table.cursor else None
        self._inclusive = span.lower_inclusive
        self._lower = self._bound(span.lower)
        self._upper = self._bound(span.upper)
        prototype = not settings.is_prod()
        self._window = table.window if prototype else None
        self._sample = table.sample if prototype else None
        self._limit = table.limit if prototype else None
        self._oldest: pa.Scalar | None = None
        if self._window is not None and not (
            self._kind is not None and (pa.types.is_timestamp(self._kind) or pa.types.is_date32(self._kind))
        ):
            raise SourceError(
                f"`window` of {table.name} needs a cursor that is a date or a timestamp; "
                f"{table.cursor!r} is {self._kind}. Of CSV files, declare it in `columns`."
            )

    def _bound(self, text: str | None) -> pa.Scalar | None:
        if text is None:
            return None
        try:
            return pa.scalar(text).cast(self._kind)
        except pa.ArrowInvalid:
            raise SourceError(
                f"The bound {text!r} is no {self._kind}, as the cursor {self._table.cursor!r} is."
            ) from None

    def streams(
        self,
        blocks: Callable[[Sequence[T]], Iterable[Block]],
        items: Sequence[T],
        sizes: Sequence[int],
        most: int,
    ) -> list[Iterator[Piece]]:
        """The pieces as at most ``most`` streams, each of a run of items that ``blocks`` reads.

        One where the rows cannot be narrowed apart from others: a window looks for the newest of all rows
        first, and a limit counts them in their order.
        """
        apart = self._window is None and self._limit is None
        divided = runs(items, sizes, most) if apart else []
        return [self.pieces(partial(blocks, run)) for run in divided or [items]]

    def pieces(self, blocks: Callable[[], Iterable[Block]]) -> Iterator[Piece]:
        """The pieces of what ``blocks`` reads. A window reads twice: first for the newest cursor."""
        if self._window is not None:
            self._oldest = self._first_of_window(blocks(), self._window)
        left = self._limit
        for block in blocks():
            inside = self._inside(block)
            if left is not None:
                wanted = np.flatnonzero(inside)
                inside[wanted[left:]] = False
                left -= min(left, len(wanted))
            yield from split(block.rows, block.faults, block.reject, inside)
            if left == 0:
                return

    def _first_of_window(self, blocks: Iterable[Block], window: timedelta) -> pa.Scalar | None:
        newest = None
        for block in blocks:
            found = pc.max(block.rows.column(self._table.cursor))
            if found.is_valid and (newest is None or pc.greater(found, newest).as_py()):
                newest = found
        if newest is None:
            return None
        exact = newest.cast(pa.timestamp("us", tz=getattr(self._kind, "tz", None)), safe=False)
        return pc.subtract(exact, pa.scalar(window, pa.duration("us")))

    def without_cursor(self, rows: pa.RecordBatch) -> Faults:
        """The rows of a batch that are set aside because their cursor is NULL."""
        cursor = self._table.cursor
        return null_cursors(cursor, rows.column(cursor)) if cursor is not None else {}

    def _inside(self, block: Block) -> Mask:
        """Which rows the load wants. A row whose cursor is missing or at fault is wanted: it is set aside."""
        inside: Mask = np.ones(block.rows.num_rows, dtype=np.bool_)
        if self._table.cursor is not None:
            column = block.rows.column(self._table.cursor)
            if self._lower is not None:
                compare = pc.greater_equal if self._inclusive else pc.greater
                inside &= _flags(compare(column, self._lower))
            if self._upper is not None:
                inside &= _flags(pc.less(column, self._upper))
            if self._oldest is not None:
                inside &= _flags(pc.greater_equal(column.cast(self._oldest.type, safe=False), self._oldest))
        if self._sample is not None:
            numbers = np.arange(block.first, block.first + block.rows.num_rows, dtype=np.uint64)
            spread = (numbers * np.uint64(GOLDEN) + np.uint64(zlib.crc32(block.file.encode()))) % np.uint64(
                2**32
            )
            inside &= spread < self._sample * 2**32
        return inside


def _flags(answers: pa.BooleanArray) -> Mask:
    flags: Mask = pc.fill_null(answers, True).to_numpy(zero_copy_only=False)
    return flags
