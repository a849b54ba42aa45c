"""Text that is a double: which decimal numbers a double holds, and which it would round."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

SAFE_CHARACTERS = 15
"""A double keeps so many digits (IEEE 754)."""

LEAST_NORMAL = 2.2250738585072014e-308
"""Below it a double has fewer digits, down to none (IEEE 754)."""


def is_double(text: str) -> bool:
    """True when a decimal number in text names one finite double, and that double reads back as it.

    Either it is the double's shortest text, or the double written with as many digits: programs write
    ``0.1`` as ``0.1`` or as ``0.10000000000000001``. ``9007199254740993`` is neither, nor is ``1e-400``.
    """
    double = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        # An exponent that no Decimal has.
        return False
    if abs(double) == float("inf"):
        return False
    if Decimal(repr(double)) == exact:
        return True
    digits = len(exact.as_tuple().digits)
    return Decimal(format(double, f".{digits - 1}e")) == exact


def rounded(texts: pa.Array, doubles: pa.Array) -> list[int]:
    """The rows (from 0) of numbers in text that lost digits when they were made finite ``doubles``.

    Rows whose double is NULL, NaN or infinite do not count.
    """
    suspect = pc.greater(pc.utf8_length(texts), SAFE_CHARACTERS)
    small = pc.less(pc.abs(doubles), LEAST_NORMAL)
    if pc.any(small).as_py():
        suspect = pc.or_(suspect, pc.and_(small, pc.match_substring_regex(texts, "^[^eE]*[1-9]")))
    suspect = pc.fill_null(pc.and_(suspect, pc.is_finite(doubles)), False)
    if not pc.any(suspect).as_py():
        return []
    other = pc.not_equal(doubles.cast(pa.string()), texts)
    return [
        row
        for row in pc.indices_nonzero(pc.and_(suspect, other)).to_pylist()
        if not is_double(texts[row].as_py())
    ]
