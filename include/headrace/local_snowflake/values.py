"""Values between the client's wire format, DuckDB and Arrow.

A `Result` is what a statement gives back: an Arrow table as DuckDB made it, with the Snowflake type of
each column. Timestamps are microseconds inside; Snowflake's nanoseconds end in 000.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.local_snowflake.errors import refuse

_EPOCH = datetime(1970, 1, 1)
_INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
}
_TYPES = {
    "BLOB": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "real",
    "FLOAT": "real",
    "JSON": "variant",
    "TIME": "time",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "VARCHAR": "text",
    '"NULL"': "text",
    "NULL": "text",
}
TEXT_LENGTH = 16_777_216
"""Default and, in this emulator, the largest length of VARCHAR, in characters (Snowflake's documentation)."""


@dataclass
class Result:
    """What one statement returned.

    ``table`` has one Arrow column a result column, ``types`` the DuckDB type name of each. ``rowcount`` is
    the
    number of rows changed for DML, else the number of rows. ``type_id`` is Snowflake's statement type.
    """

    table: pa.Table
    types: Sequence[str]
    rowcount: int = 0
    type_id: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def rows(columns: Sequence[tuple[str, str]], values: Sequence[Sequence[Any]], type_id: int = 0) -> Result:
    """A result made here: ``columns`` are (name, DuckDB type: VARCHAR, BIGINT, TIMESTAMP WITH TIME ZONE,
    ...)."""
    arrow = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
    }
    data = [pa.array([row[i] for row in values], type=arrow[kind]) for i, (_, kind) in enumerate(columns)]
    table = pa.Table.from_arrays(data, names=[name for name, _ in columns])
    return Result(table, [kind for _, kind in columns], rowcount=len(values), type_id=type_id)


def headings(*names: str) -> list[tuple[str, str]]:
    """Columns of a listing: ``created_on`` is a time, ``rows`` and ``bytes`` are numbers, the rest text."""
    kinds = {"created_on": "TIMESTAMP WITH TIME ZONE", "rows": "BIGINT", "bytes": "BIGINT"}
    return [(name, kinds.get(name, "VARCHAR")) for name in names]


def status(message: str, type_id: int = 0) -> Result:
    """The one-row ``status`` result of a command."""
    return rows([("status", "VARCHAR")], [[message]], type_id)


def bound(binding: dict[str, Any]) -> Any:
    """The Python value of one server-side binding, ``{"type": "FIXED", "value": "12"}``."""
    kind, value = binding.get("type", "TEXT"), binding.get("value")
    if value is None:
        return None
    if kind == "FIXED":
        return int(value)
    if kind == "REAL":
        return float(value)
    if kind == "BOOLEAN":
        return str(value).lower() in ("true", "1")
    if kind == "BINARY":
        return binascii.unhexlify(value)
    if kind == "DATE":
        return (_EPOCH + timedelta(milliseconds=int(value))).date()
    if kind == "TIME":
        return (_EPOCH + timedelta(microseconds=int(value) // 1000)).time()
    if kind == "TIMESTAMP_NTZ":
        return _EPOCH + timedelta(microseconds=int(value) // 1000)
    if kind in ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"):
        nanoseconds = str(value).partition(" ")[0]
        return (_EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)).replace(tzinfo=UTC)
    if kind in ("TEXT", "ANY"):
        return str(value)
    raise refuse(f"take a binding of type {kind}")


def duck_type(value: Any) -> str:
    """The DuckDB type that a bound value is cast to, so that it means the same in every place."""
    if isinstance(value, datetime):
        return "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
    if isinstance(value, date):
        return "DATE"
    if isinstance(value, time):
        return "TIME"
    raise refuse(f"bind a value of type {type(value).__name__}")


def row_type(name: str, kind: str, length: int | None = None) -> dict[str, Any]:
    """The column description of the wire protocol for a DuckDB type."""
    info: dict[str, Any] = {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "byteLength": None,
        "length": None,
        "scale": None,
        "precision": None,
        "collation": None,
    }
    if kind in _INTEGERS:
        return {**info, "type": "fixed", "precision": 38, "scale": 0}
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        return {**info, "type": "fixed", "precision": int(decimal[1]), "scale": int(decimal[2])}
    if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP")):
        return {**info, "type": "variant"}
    if kind not in _TYPES:
        raise refuse(f"return a column of DuckDB's type {kind} (column {name}); cast it")
    wire = _TYPES[kind]
    info["type"] = wire
    if wire == "text":
        info["length"] = length or TEXT_LENGTH
        info["byteLength"] = min(4 * (length or TEXT_LENGTH), TEXT_LENGTH)
    elif wire.startswith("time"):
        info["precision"], info["scale"] = 0, 9
    elif wire == "binary":
        info["length"] = info["byteLength"] = 8_388_608
    return info


def _timestamp(column: pa.Array, zoned: bool) -> pa.Array:
    """Snowflake's struct of epoch second, nanosecond and zone, with the NULLs kept."""
    instants = (
        column.cast(pa.timestamp("us")) if column.type.tz is None else column.cast(pa.timestamp("us", "UTC"))
    )
    null = instants.is_null()
    micros = pc.fill_null(instants.cast(pa.int64()), 0)
    # Divided after rounding down to whole seconds, so that it is exact for times before 1970 too.
    floored = pc.floor_temporal(micros.cast(pa.timestamp("us")), unit="second").cast(pa.int64())
    seconds = pc.divide(floored, 1_000_000)
    fraction = pc.multiply(pc.subtract(micros, pc.multiply(seconds, 1_000_000)), 1000).cast(pa.int32())
    fields = [pa.field("epoch", pa.int64(), False), pa.field("fraction", pa.int32(), False)]
    arrays: list[pa.Array] = [seconds, fraction]
    if zoned:
        fields.append(pa.field("timezone", pa.int32(), False))
        arrays.append(pa.array([1440] * len(column), pa.int32()))
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=null)


def _wire_column(column: pa.ChunkedArray, wire: str) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    kind = array.type
    if pa.types.is_timestamp(kind):
        return _timestamp(array, zoned=kind.tz is not None)
    if pa.types.is_time(kind):
        return pc.multiply(array.cast(pa.time64("us")).cast(pa.int64()), 1000)
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    if pa.types.is_decimal(kind) and kind.scale == 0:
        # Snowflake sends the smallest integer that holds a batch; the client then gives int, not Decimal.
        bounds = pc.min_max(array)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        if low is None or (low >= -(2**63) and high < 2**63):
            return array.cast(pa.int64())
        return array
    if pa.types.is_unsigned_integer(kind):
        return array.cast(pa.int64() if pa.types.is_uint64(kind) is False else pa.decimal128(20, 0))
    if pa.types.is_float32(kind):
        return array.cast(pa.float64())
    if wire == "variant" and not pa.types.is_string(kind):
        raise refuse("return a list or structure that is no VARIANT; use TO_VARIANT")
    return array


def _wire_table(result: Result, described: Sequence[dict[str, Any]]) -> pa.Table:
    arrays, fields = [], []
    for info, column in zip(described, result.table.columns, strict=True):
        array = _wire_column(column, info["type"])
        metadata = {
            "logicalType": info["type"].upper(),
            "precision": str(info["precision"] or 38),
            "scale": str(info["scale"] or 0),
            "charLength": str(info["length"] or 0),
        }
        arrays.append(array)
        fields.append(pa.field(info["name"], array.type, metadata=metadata))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _described(result: Result) -> list[dict[str, Any]]:
    return [row_type(f.name, kind) for f, kind in zip(result.table.schema, result.types, strict=True)]


def stream(result: Result) -> bytes:
    """The rows of a result as the Arrow stream that clients read."""
    table = _wire_table(result, _described(result))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def encode(result: Result) -> dict[str, Any]:
    """The ``rowtype`` and Arrow rows of a result for the response's ``data``."""
    rows = result.table.num_rows
    return {
        "rowtype": _described(result),
        "total": rows,
        "returned": rows,
        "queryResultFormat": "arrow",
        "rowsetBase64": b64encode(stream(result)).decode() if rows else "",
    }
