"""From converted columns to pieces: rows that can be carried, and rows set aside with their reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers.base import TYPE_KEY, Piece, Rejected
from include.headrace.readers.values import Conversion, Faults, value_text

REJECTED_PER_PIECE = 5_000
"""How many rows set aside one piece may carry: as Python strings they take far more memory than in Arrow."""

SHOWN_CHARACTERS = 100_000
"""How much of a record set aside is kept: enough to see what it is, whatever its size."""

MAX_BYTES = {"VARCHAR": 16 * 1024 * 1024, "BINARY": 8 * 1024 * 1024, "VARIANT": 128 * 1024 * 1024}
"""The longest value of a column whose length nobody gave, in bytes. Snowflake documentation, behaviour change
bundles 2025_03 (bcr-1942) and 2025_07 (bcr-2118): newer accounts take more, none takes less."""


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
    rows = pa.RecordBatch.from_arrays(converted, schema=schema)
    return rows, {**_too_long(rows), **faults}


def _too_long(rows: pa.RecordBatch) -> Faults:
    """The rows with a value that no column of its type holds; a COPY would fail for it, time and again."""
    faults: Faults = {}
    for field, column in zip(rows.schema, rows.columns, strict=True):
        kind = "BINARY" if pa.types.is_binary(field.type) else "VARCHAR"
        most = MAX_BYTES[kind]
        if column.nbytes <= most or not (pa.types.is_string(field.type) or kind == "BINARY"):
            continue
        if (field.metadata or {}).get(TYPE_KEY) == b"VARIANT":
            kind, most = "VARIANT", MAX_BYTES["VARIANT"]
        lengths = pc.fill_null(pc.binary_length(column), 0)
        for row in pc.indices_nonzero(pc.greater(lengths, most)).to_pylist():
            size = lengths[row].as_py()
            faults[row] = f"{field.name}: {size:,} bytes are more than a {kind} holds ({most:,})"
    return faults


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
    rows are wanted; None wants all. Nothing is yielded for a batch that holds nothing at all. A long record
    is kept in part.
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
        yield Piece(rows, tuple(_cut(reject(row, reason)) for row, reason in now), discarded)
        rows, discarded = rows.slice(0, 0), 0


def _cut(rejected: Rejected) -> Rejected:
    record = rejected.record
    if len(record) <= SHOWN_CHARACTERS:
        return rejected
    return replace(rejected, record=f"{record[:SHOWN_CHARACTERS]}... ({len(record)} characters)")
