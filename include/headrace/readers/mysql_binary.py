"""Rows of MySQL's binary protocol as Arrow columns, decoded a column at a time.

A row is a zero byte, a bitmap of the NULLs (its first bit is the third), and the values that are not
NULL, one behind the other: numbers and moments as bytes of their own, anything else as its length and
its bytes (MySQL Internals, "Binary Protocol Value"). Where the value of a column stands depends on the
lengths before it, so the rows' places are moved on from column to column, all rows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers.mysql_wire import Block, WireColumn

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

NUMBERS = {1: "i1", 2: "<i2", 13: "<i2", 3: "<i4", 9: "<i4", 8: "<i8", 4: "<f4", 5: "<f8"}
"""How numbers are sent, by the number of their type (MySQL's source, field_types.h): of 1, 2, 4 (also of
3 bytes in a table) and 8 bytes, YEAR as one of 2, FLOAT and DOUBLE."""

DATE, TIMESTAMP, DATETIME = 10, 7, 12
LENGTH_OF_TWO = 0xFC
LONGER = ((LENGTH_OF_TWO, "<u2", 2), (0xFD, "<u4", 3), (0xFE, "<i8", 8))
"""First bytes of lengths that stand in the 2, 3 or 8 bytes behind; smaller ones are the length itself."""

MOMENT = np.dtype(
    {
        "names": ["year", "month", "day", "hour", "minute", "second", "microsecond"],
        "formats": ["<u2", "u1", "u1", "u1", "u1", "u1", "<u4"],
        "offsets": [1, 3, 4, 5, 6, 7, 8],
        "itemsize": 12,
    }
)
"""A moment as it is sent, its length in front. What is zero at the end is left out: 0, 4, 7 or 11 bytes."""

THREE_BYTES = 0xFFFFFF
SENT_FROM = {"year": 4, "month": 4, "day": 4, "hour": 7, "minute": 7, "second": 7, "microsecond": 11}
SAFE_DAY = 28
"""Every month has it."""


def columns_of(block: Block, columns: Sequence[WireColumn]) -> list[pa.Array]:
    """The columns of a block: numbers and moments as such, the rest as bytes.

    A column of moments is text throughout when it holds one that is not of the calendar's years 1 to 9999,
    such as 2024-02-31.
    """
    data = np.frombuffer(block.data, np.uint8)
    rows = np.array(block.starts, np.int64)
    places = rows + 1 + (len(columns) + 7 + 2) // 8
    found = []
    for number, column in enumerate(columns):
        nulls = None if column.is_not_null else _nulls(data, rows, number)
        if column.type in NUMBERS:
            array, places = _numbers(data, places, nulls, column)
        elif column.type in (DATE, TIMESTAMP, DATETIME):
            array, places = _moments(data, places, nulls, column)
        else:
            array, places = _texts(data, places, nulls)
        found.append(array)
    return found


def _nulls(data: Bytes, rows: Places, number: int) -> Flags | None:
    """Which rows have NULL in a column; None for none."""
    byte, bit = divmod(number + 2, 8)
    flags = (data[rows + (1 + byte)] & (1 << bit)) != 0
    return flags if flags.any() else None


def _at(data: Bytes, kind: npt.DTypeLike, places: Places) -> npt.NDArray[Any]:
    """The values of a type that begin at these places of the bytes, which need not be aligned."""
    kind = np.dtype(kind)
    everywhere: npt.NDArray[Any] = np.ndarray(
        (len(data) - kind.itemsize + 1,), kind, buffer=data, strides=(1,)
    )
    return everywhere[places]


def _numbers(data: Bytes, places: Places, nulls: Flags | None, column: WireColumn) -> tuple[pa.Array, Places]:
    kind = np.dtype(NUMBERS[column.type])
    if column.is_unsigned and kind.kind == "i":
        kind = np.dtype(kind.str.replace("i", "u"))
    array = pa.array(_at(data, kind, places), mask=nulls)
    return array, places + (kind.itemsize if nulls is None else kind.itemsize * ~nulls)


def _texts(data: Bytes, places: Places, nulls: Flags | None) -> tuple[pa.Array, Places]:
    lengths = data[places].astype(np.int64)
    if nulls is not None:
        lengths[nulls] = 0
    heads: Places | int = 1
    if lengths.max() >= LENGTH_OF_TWO:
        firsts = lengths.copy()
        heads = np.ones(len(places), np.int64)
        for mark, kind, size in LONGER:
            longer = np.flatnonzero(firsts == mark)
            heads[longer] += size
            found = _at(data, kind, places[longer] + 1).astype(np.int64)
            lengths[longer] = found & THREE_BYTES if size == 3 else found
    begins = places + heads
    if nulls is not None:
        begins[nulls] = places[nulls]
    ends = begins + lengths
    # Each value and, between two of them, what belongs to other columns: all of it is one array, of
    # which every second is taken.
    offsets = np.empty(2 * len(places), np.int32)
    offsets[0::2] = begins
    offsets[1::2] = ends
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    everything = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
    return everything.take(pa.array(np.arange(0, len(offsets), 2, dtype=np.int32), mask=nulls)), ends


def _moments(data: Bytes, places: Places, nulls: Flags | None, column: WireColumn) -> tuple[pa.Array, Places]:
    lengths = data[places].astype(np.int64)
    if nulls is not None:
        lengths[nulls] = 0
    sent = _at(data, MOMENT, places)
    parts = {name: _part(sent, name, lengths, size) for name, size in SENT_FROM.items()}
    month, day = parts["month"], parts["day"]
    first = _day(parts["year"] * 12 + month)
    wrong = (parts["year"] < 1) | (month < 1) | (month > 12) | (day < 1)
    if (day > SAFE_DAY).any():
        wrong |= first + day > _day(parts["year"] * 12 + month + 1)
    days = first + day - 1
    if column.type == DATE:
        array = pa.array(days.astype(np.int32), mask=nulls).view(pa.date32())
    else:
        seconds = ((days * 24 + parts["hour"]) * 60 + parts["minute"]) * 60 + parts["second"]
        array = pa.array(seconds * 1_000_000 + parts["microsecond"], mask=nulls).view(pa.timestamp("us"))
    after = places + 1 + lengths
    if nulls is not None:
        after[nulls] = places[nulls]
        wrong &= ~nulls
    if wrong.any():
        texts = [_text(parts, row, column) for row in np.flatnonzero(wrong).tolist()]
        array = pc.replace_with_mask(array.cast(pa.string()), pa.array(wrong), pa.array(texts, pa.string()))
    return array, after


def _part(sent: npt.NDArray[Any], name: str, lengths: Places, size: int) -> Places:
    """A part of moments, zero where so many bytes of them were not sent."""
    part = sent[name].astype(np.int64)
    if lengths.min() < size:
        part[lengths < size] = 0
    return part


def _day(months: Places) -> Places:
    """The first day of months, counted from 1970; ``months`` are 12 times the year and the month from 1."""
    first: Places = (months - 1970 * 12 - 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    return first


def _text(parts: dict[str, Places], row: int, column: WireColumn) -> str:
    """A moment that is none as the server writes it."""
    year, month, day, hour, minute, second, microsecond = (int(part[row]) for part in parts.values())
    text = f"{year:04d}-{month:02d}-{day:02d}"
    if column.type == DATE:
        return text
    fraction = f".{microsecond:06d}"[: column.decimals + 1] if 0 < column.decimals <= 6 else ""
    return f"{text} {hour:02d}:{minute:02d}:{second:02d}{fraction}"
