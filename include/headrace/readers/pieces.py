"""From converted columns to pieces: rows that can be carried, and rows set aside with their reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers.base import Piece, Rejected
from include.headrace.readers.values import Conversion, Faults, value_text

REJECTED_PER_PIECE = 5_000
"""How many rows set aside one piece may carry: as Python strings they take far more memory than in Arrow."""


def convert(
    columns: Sequence[pa.Array], conversions: Sequence[Conversion], schema: pa.Schema
) -> tuple[pa.RecordBatch, Faults]:
    """Convert a batch's columns. The result has every row still; the faults say which must go."""
    faults: Faults = {}
    converted = []
    for column, conversion in zip(columns, conversions, strict=True):
        result, found = conversion(column)
        converted.append(result)
        for row, reason in found.items():
            faults[row] = f"{faults[row]}; {reason}" if row in faults else reason
    return pa.RecordBatch.from_arrays(converted, schema=schema), faults


def null_cursors(cursor: str, column: pa.Array) -> Faults:
    """Rows without a cursor: no span would ever read them again, so they are set aside, not lost."""
    if not column.null_count:
        return {}
    reason = f"{cursor}: the cursor is NULL, so no later load would see a change of this row"
    return dict.fromkeys(pc.indices_nonzero(column.is_null()).to_pylist(), reason)


def record_text(names: Sequence[str], columns: Sequence[pa.Array], row: int) -> str:
    """One record as JSON text: each column's name and value, the value as text or null."""
    values = {name: value_text(column, row) for name, column in zip(names, columns, strict=True)}
    return json.dumps(values, ensure_ascii=False)


def split(
    rows: pa.RecordBatch,
    faults: Faults,
    reject: Callable[[int, str], Rejected],
    inside: npt.NDArray[np.bool_] | None = None,
) -> Iterator[Piece]:
    """Pieces of a converted batch: rows outside are counted, rows at fault are set aside.

    ``reject`` makes the record set aside of a row (from 0) and its reason. ``inside`` says which
    rows are wanted; None wants all. Nothing is yielded for a batch that holds nothing at all.
    """
    discarded = 0
    if inside is not None and not inside.all():
        discarded = int(rows.num_rows - inside.sum())
        faults = {row: reason for row, reason in faults.items() if inside[row]}
    if faults or discarded:
        stays = np.ones(rows.num_rows, dtype=np.bool_) if inside is None else inside.copy()
        stays[list(faults)] = False
        rows = rows.filter(pa.array(stays))
    waiting = sorted(faults.items())
    while rows.num_rows or waiting or discarded:
        now, waiting = waiting[:REJECTED_PER_PIECE], waiting[REJECTED_PER_PIECE:]
        yield Piece(rows, tuple(reject(row, reason) for row, reason in now), discarded)
        rows, discarded = rows.slice(0, 0), 0
