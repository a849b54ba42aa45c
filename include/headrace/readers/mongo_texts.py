"""Values of BSON as the text that relaxed Extended JSON (v2) has for them, a column at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers.mongo_shapes import (
    BOOLEAN,
    DATE,
    INT,
    LONG,
    NULL,
    OID,
    STRING,
    Bytes,
    Places,
    at,
)
from include.headrace.readers.mongo_values import LAST_MILLISECOND

Flags = npt.NDArray[np.bool_]

HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), "<u2")
PLAIN_FROM, PLAIN_TO = 1e-4, 1e10
"""Where Arrow writes a double's shortest digits as JSON encoders do, without an exponent."""

AROUND = {STRING: ('"', '"'), OID: ('{"$oid":"', '"}'), DATE: ('{"$date":"', '"}')}
"""What stands around a value's text in JSON."""

QUOTE, BACKSLASH, FIRST_PRINTED = 0x22, 0x5C, 0x20


@dataclass(frozen=True)
class Texts:
    """A column of values: their bare text, the same as JSON writes it, and which rows are neither.

    ``escaped`` is another column than ``bare`` only where a text holds what JSON escapes.
    """

    bare: pa.Array
    escaped: pa.Array
    odd: Flags | None = None


def texts_of(data: Bytes, kind: int, places: Places) -> Texts:
    """The texts of values of one kind. Rows that are odd must be done another way: their text is none."""
    if kind == STRING:
        return _strings(data, places)
    odd = None
    if kind == NULL:
        bare = pa.nulls(len(places), pa.string())
    elif kind == BOOLEAN:
        bare = pa.array(data[places] == 1).cast(pa.string())
    elif kind in (INT, LONG):
        bare = pa.array(at(data, "<i4" if kind == INT else "<i8", places)).cast(pa.string())
    elif kind == OID:
        digits = HEX[at(data, "(12,)u1", places)].tobytes()
        offsets = np.arange(0, 24 * len(places) + 1, 24, dtype=np.int32)
        bare = pa.StringArray.from_buffers(len(places), pa.py_buffer(offsets), pa.py_buffer(digits))
    elif kind == DATE:
        bare, odd = _moments(at(data, "<i8", places))
    else:
        bare, odd = _doubles(at(data, "<f8", places))
    return Texts(bare, bare, odd)


def _strings(data: Bytes, places: Places) -> Texts:
    begins = places + 4
    ends = begins + at(data, "<i4", places) - 1
    offsets = np.empty(2 * len(places), np.int32)
    offsets[0::2] = begins
    offsets[1::2] = ends
    # Each text and, between two, what belongs to other fields: every second of them is taken.
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    everything = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
    found = everything.take(pa.array(np.arange(0, len(offsets), 2, dtype=np.int32)))
    odd: Flags | None = None
    try:
        bare = found.cast(pa.string())
    except pa.ArrowInvalid:
        odd = np.fromiter((not _is_text(one) for one in found.to_pylist()), np.bool_, len(found))
        bare = pc.replace_with_mask(found, pa.array(odd), pa.scalar(b"")).cast(pa.string())
    characters = np.frombuffer(bare.buffers()[2] or b"", np.uint8)
    controls = bool((characters < FIRST_PRINTED).any())
    escaped = bare
    if controls or ((characters == QUOTE) | (characters == BACKSLASH)).any():
        for raw, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
            escaped = pc.replace_substring(escaped, raw, written)
        if controls:
            rest = pc.match_substring_regex(escaped, r"[\x00-\x1f]").to_numpy(zero_copy_only=False)
            odd = rest if odd is None else odd | rest
    return Texts(bare, escaped, odd)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _moments(milliseconds: npt.NDArray[np.int64]) -> tuple[pa.Array, Flags | None]:
    """ISO texts in UTC. Before 1970 and after 9999 Extended JSON has another form."""
    odd = (milliseconds < 0) | (milliseconds > LAST_MILLISECOND)
    inside = np.where(odd, 0, milliseconds)
    whole = inside % 1000 == 0
    kinds = [("s", whole, inside[whole] // 1000), ("ms", ~whole, inside[~whole])]
    parts = [pa.array(values).view(pa.timestamp(unit)).cast(pa.string()) for unit, _, values in kinds]
    texts = in_order(parts, [np.flatnonzero(flags) for _, flags, _ in kinds])
    iso = pc.binary_join_element_wise(pc.replace_substring(texts, " ", "T", max_replacements=1), "Z", "")
    return iso, odd if odd.any() else None


def _doubles(values: npt.NDArray[np.float64]) -> tuple[pa.Array, Flags | None]:
    sizes = np.abs(values)
    odd = ~(((sizes >= PLAIN_FROM) & (sizes < PLAIN_TO)) | (sizes == 0))
    inside = np.where(odd, 0.0, values)
    texts = pa.array(inside).cast(pa.string())
    whole = inside == np.floor(inside)
    if whole.any():
        # Arrow writes 7.0 as 7.
        texts = pc.binary_join_element_wise(texts, pc.if_else(pa.array(whole), ".0", ""), "")
    return texts, odd if odd.any() else None


def in_order(parts: list[pa.Array], rows: list[Places]) -> pa.Array:
    """One array of parts, each with the rows (all together every one from 0) that its values are of."""
    if sum(map(bool, map(len, parts))) == 1:
        return next(part for part in parts if len(part))
    order = np.empty(sum(map(len, parts)), np.int64)
    order[np.concatenate(rows)] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(order))
