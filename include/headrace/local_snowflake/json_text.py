"""PARSE_JSON's own rules on text, which DuckDB's JSON does not have.

No key twice, blank text is NULL, and a number of up to 38 digits without an exponent keeps them all; any
other is a DOUBLE (Snowflake documentation, "PARSE_JSON" and "Considerations for semi-structured data").
DuckDB's own ``json()`` makes a double of every number that is not whole.
"""

from __future__ import annotations

import json
from decimal import Decimal
from math import isinf
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from include.headrace.local_snowflake.errors import marked

CHECK, TRY = "headrace_json", "headrace_try_json"

MAX_DIGITS = 38
"""Most digits of a NUMBER, within a VARIANT too."""

SHORT_WHOLE = 18
SHORT_FRACTION = 16
"""Numbers of so many characters are 64 bits at most, and 15 digits at most, which a double keeps
(IEEE 754)."""


class _Duplicate(ValueError):
    """An object has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Duplicate(f'duplicate object attribute "{twice}"')
    return found


def _constant(word: str) -> None:
    raise ValueError(f"unexpected {word}")


def _whole(text: str) -> Any:
    return int(text) if len(text) <= SHORT_WHOLE else _number(text)


def _fraction(text: str) -> Any:
    short = len(text) <= SHORT_FRACTION and "e" not in text and "E" not in text
    return float(text) if short else _number(text)


def _number(text: str) -> Any:
    """A number as Snowflake keeps it: exact up to MAX_DIGITS digits without an exponent, else a double."""
    if "e" not in text and "E" not in text:
        _, digits, exponent = Decimal(text).as_tuple()
        assert isinstance(exponent, int)
        if max(len(digits), -exponent) <= MAX_DIGITS:
            return msgspec.Raw(text.encode())
    double = float(text)
    if isinf(double):
        raise ValueError(f"{text} is too large a number")
    return double


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole, parse_float=_fraction
)
_encode = msgspec.json.Encoder().encode


def _parsed(text: str) -> str:
    """The JSON without blanks, its numbers as Snowflake keeps them. Raises ValueError for what is no JSON."""
    try:
        return _encode(_decoder.decode(text)).decode()
    except RecursionError as error:
        raise ValueError(str(error)) from None


def _check(column: pa.ChunkedArray) -> pa.Array:
    checked: list[str | None] = []
    for text in column.to_pylist():
        if text is None or not text.strip():
            checked.append(None)
            continue
        try:
            checked.append(_parsed(text))
        except ValueError as error:
            raise ValueError(marked(100069, "22P02", f"Error parsing JSON: {error}")) from None
    return pa.array(checked, pa.string())


def _try(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([_parsed_or_null(text) for text in column.to_pylist()], pa.string())


def _parsed_or_null(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    try:
        return _parsed(text)
    except ValueError:
        return None


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a DuckDB instance the functions `CHECK` and `TRY`, text to the JSON text that a VARIANT keeps.

    Both give NULL for NULL and for blank text. For text that is no JSON, or has a key twice in one object,
    `CHECK` raises Snowflake's 100069 (documentation, "PARSE_JSON") and `TRY` gives NULL.
    """
    for name, function in ((CHECK, _check), (TRY, _try)):
        connection.create_function(
            name,
            function,
            ["VARCHAR"],
            "VARCHAR",
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def unregister(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the functions away, so that the connection holds nothing of Python's when it closes."""
    for name in (CHECK, TRY):
        connection.remove_function(name)
