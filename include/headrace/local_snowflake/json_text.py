"""PARSE_JSON's own rules on text, which DuckDB's JSON does not have: no key twice, blank text is NULL."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from include.headrace.local_snowflake.errors import marked

CHECK, TRY = "headrace_json", "headrace_try_json"


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


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=str, parse_float=str
)


def _problem(text: str) -> str | None:
    """What Snowflake's PARSE_JSON would say against ``text``, or None."""
    try:
        _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return None


def _check(column: pa.ChunkedArray) -> pa.Array:
    checked: list[str | None] = []
    for text in column.to_pylist():
        if text is None or not text.strip():
            checked.append(None)
            continue
        if problem := _problem(text):
            raise ValueError(marked(100069, "22P02", f"Error parsing JSON: {problem}"))
        checked.append(text)
    return pa.array(checked, pa.string())


def _try(column: pa.ChunkedArray) -> pa.Array:
    kept = [t if t is not None and t.strip() and _problem(t) is None else None for t in column.to_pylist()]
    return pa.array(kept, pa.string())


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a DuckDB instance the functions `CHECK` and `TRY`, text to text.

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
