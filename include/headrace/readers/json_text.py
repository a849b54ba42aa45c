"""JSON text bound for a VARIANT: what PARSE_JSON would refuse or alter is found before it is staged.

Snowflake's PARSE_JSON refuses duplicate keys (100069) and makes a DOUBLE of a number with an
exponent or with more than 38 digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers.doubles import is_double
from include.headrace.readers.values import Conversion, Faults, shown

MAX_DIGITS = 38
SUSPECT = r"[0-9.]{39,}"
"""In JSON that PostgreSQL has normalised (jsonb), which writes no exponents, drops double keys and
refuses broken escapes, only such text can hold what is altered."""

LOOKED_AT = rf"{SUSPECT}|(?:^|[:,\[\s])-?[0-9.]+[eE]|\\u(?:0000|003[aA]|[dD][89a-fA-F])"
"""In any other JSON: that, a number with an exponent, and escapes of the zero character, of a colon
(which ``_is_plain`` counts) and of half a surrogate pair."""

PLAIN_CHARACTERS = 1_000_000
"""The longest text that is parsed into objects, which may take thirty times its own memory."""


_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class _Altered(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        double = next(key for key in keys if keys.count(key) > 1)
        raise _Altered(f"the key {shown(double)} occurs twice in one object")


def _string(text: str) -> None:
    if re.search("[\ud800-\udfff]", text):
        raise _Altered("half of a surrogate pair is no character")
    if "\0" in text:
        raise _Altered("the character \\u0000 has no place in a VARIANT")


def _number(text: str) -> None:
    """Refuse a number that neither 38 decimal digits nor a double can hold."""
    if "e" not in text and "E" not in text:
        _, digits, exponent = Decimal(text).as_tuple()
        assert isinstance(exponent, int)
        if max(len(digits), -exponent) <= MAX_DIGITS:
            return
    if not is_double(text):
        raise _Altered(f"the number {shown(text)} would be rounded")


def _constant(text: str) -> None:
    raise _Altered(f"{text} is not JSON")


class _Checker(json.JSONDecoder):
    """A decoder that keeps nothing of objects and numbers; it only looks."""

    def __init__(self, number: Callable[[str], None]) -> None:
        super().__init__(
            object_pairs_hook=_object, parse_float=number, parse_int=number, parse_constant=_constant
        )


def _any_number(text: str) -> None:
    pass


_CHECKER = _Checker(_number)
_CHECKER_OF_THE_REST = _Checker(_any_number)


def fault(text: str, *, numbers: bool = True) -> str | None:
    """Why a VARIANT cannot hold this JSON text unaltered; None when it can.

    ``numbers`` says whether its numbers count; a caller that writes them itself says False.
    """
    try:
        (_CHECKER if numbers else _CHECKER_OF_THE_REST).decode(text)
        if "\\u" in text:
            _strings(json.loads(text))
    except _Altered as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:
        return f"it is not JSON ({error})"
    return None


def _strings(value: Any) -> None:
    """Look at every string below ``value``. Only escapes can make the characters that are refused."""
    if isinstance(value, str):
        _string(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _string(key)
            _strings(item)
    elif isinstance(value, list):
        for item in value:
            _strings(item)


def faults(texts: pa.Array) -> Faults:
    """The rows (from 0) of an array of JSON texts that a VARIANT cannot hold unaltered. NULL is no fault.

    The same as ``fault`` of each, at a tenth of its cost for texts that have none.
    """
    suspect = pc.fill_null(pc.match_substring_regex(texts, LOOKED_AT), False).to_pylist()
    found: Faults = {}
    for row, (text, looked_at) in enumerate(zip(texts.to_pylist(), suspect, strict=True)):
        if text is not None and (looked_at or not _is_plain(text)):
            reason = fault(text)
            if reason:
                found[row] = reason
    return found


def _is_plain(text: str) -> bool:
    """True only for JSON in which no key occurs twice. Its numbers and escapes are not looked at.

    Of keys that occur twice a parser keeps one, and written again the text has a colon less. Colons
    within strings stay, but for one that was written as an escape.
    """
    if len(text) > PLAIN_CHARACTERS:
        return False
    try:
        return _encode(_decode(text)).count(b":") == text.count(":")
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return False


def checker(name: str, *, normalised: bool = False) -> Conversion:
    """The conversion of a column of JSON text: unchanged, with the rows that cannot be carried.

    ``normalised`` says that the text is PostgreSQL's jsonb; then only suspect texts are parsed.
    """

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        if normalised:
            suspect = pc.fill_null(pc.match_substring_regex(array, SUSPECT), False)
            rows = pc.indices_nonzero(suspect).to_pylist()
            found = {row: reason for row in rows if (reason := fault(array[row].as_py()))}
        else:
            found = faults(array)
        return array, {row: f"{name}: {reason}" for row, reason in found.items()}

    return convert
