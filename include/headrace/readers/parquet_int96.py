"""Moments that Parquet files hold as INT96: a day and the nanoseconds within it, over all years.

Arrow reads them as nanoseconds since 1970 in 64 bits, which reach from 1677 to 2262, and gives a wrong
date for any other in silence. Read once more in milliseconds, which reach over all of them, they tell
which ones those are.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.headrace.errors import SourceError
from include.headrace.readers.nested import is_nested

UNIT = "ms"
PER_UNIT = 1_000_000
PER_SECOND = 1_000_000_000
WRAP = 2**64
"""By a multiple of so many nanoseconds such a moment is off."""


def columns_of(parquet: pq.ParquetFile, wanted: list[str]) -> list[str]:
    """Those of the wanted columns that are INT96, or have some inside."""
    schema = parquet.schema
    leaves = [schema.column(number) for number in range(len(schema))]
    tops = {leaf.path.split(".")[0] for leaf in leaves if leaf.physical_type == "INT96"}
    return [name for name in wanted if name in tops or name.split(".")[0] in tops]


def told(batch: pa.RecordBatch, again: pa.RecordBatch, path: str) -> pa.RecordBatch:
    """A batch in which no moment is wrong; ``again`` has its INT96 columns in milliseconds.

    A column with a moment that 64 bits do not hold is text throughout, so that the conversion to its own
    type sets that row aside. Raises SourceError for such a moment inside a nested column.
    """
    for name in again.schema.names:
        place = batch.schema.get_field_index(name)
        column, coarse = batch.column(place), again.column(name)
        if is_nested(column.type):
            pairs = zip(_leaves(column), _leaves(coarse), strict=True)
            if any(_wrapped(*pair) for pair in pairs if pa.types.is_timestamp(pair[0].type)):
                raise SourceError(
                    f"{path} has in the column {name!r} an INT96 moment outside the years 1677 to 2262, "
                    "which Arrow misreads; write the file again with timestamps of another type, or leave "
                    "the column out with `exclude`."
                )
            continue
        rows = _wrapped(column, coarse)
        if rows:
            texts = column.cast(pa.string()).to_pylist()
            for row in rows:
                texts[row] = _text(column[row].value, coarse[row].value)
            batch = batch.set_column(place, name, pa.array(texts, pa.string()))
    return batch


def _wrapped(fine: pa.Array, coarse: pa.Array) -> list[int]:
    """The rows of moments in nanoseconds that are not those in milliseconds."""
    numbers = fine.view(pa.int64())
    # Divided towards zero, so the rest tells whether a moment before 1970 is in the millisecond before.
    whole = pc.divide(numbers, PER_UNIT)
    before = pc.less(pc.subtract(numbers, pc.multiply(whole, PER_UNIT)), 0)
    floor = pc.subtract(whole, before.cast(pa.int64()))
    differs = pc.not_equal(floor, coarse.view(pa.int64()))
    found: list[int] = pc.indices_nonzero(pc.fill_null(differs, False)).to_pylist()
    return found


def _text(fine: int, coarse: int) -> str:
    """A wrapped moment as it was, such as 9999-12-31 23:59:59.999999000."""
    turns = round((coarse * PER_UNIT - fine) / WRAP)
    seconds, rest = divmod(fine + turns * WRAP, PER_SECOND)
    moment = pa.scalar(seconds, pa.timestamp("s")).cast(pa.string()).as_py()
    return f"{moment}.{rest:09d}"


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    """The arrays without nesting below a nested one, in the order of its fields."""
    if not is_nested(array.type):
        yield array
    elif pa.types.is_struct(array.type):
        for child in array.flatten():
            yield from _leaves(child)
    elif pa.types.is_map(array.type):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    else:
        yield from _leaves(array.flatten())
