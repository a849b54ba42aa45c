"""How each column of a MySQL table is best carried.

A value arrives as the text or the bytes that the server writes for it, or, in the binary protocol, as the
number or moment that it is, and is converted here. What has no
place in the landing type is set aside with its reason: zero and partial dates, such as 0000-00-00
and 2024-00-15, and JSON that a VARIANT would alter. A ``tinyint(1)`` is a number, since it holds 2.
A TIME lands as text, since it holds intervals of up to 838 hours as well as times of a day. A
geometry lands as the bytes that the server keeps, four of the SRID (little-endian) and then its WKB,
since the server's own text of it rounds coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from include.headrace.names import quote
from include.headrace.readers import json_shapes
from include.headrace.readers.base import COMMENT_KEY
from include.headrace.readers.mysql_catalog import SourceColumn
from include.headrace.readers.values import Conversion, Faults, caster, keep, landing, text_caster

MAX_DIGITS = 38

INTEGERS = {
    "tinyint": (pa.int8(), pa.uint8()),
    "smallint": (pa.int16(), pa.uint16()),
    "mediumint": (pa.int32(), pa.uint32()),
    "int": (pa.int32(), pa.uint32()),
    "bigint": (pa.int64(), pa.decimal128(20, 0)),
}
"""Signed and unsigned. Parquet has no unsigned numbers that Snowflake reads, so the largest is a decimal."""

BINARY = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector")
TEXT = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "decimal")
GEOMETRY = (
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
)  # fmt: skip


@dataclass(frozen=True)
class Carried:
    """How a column is read: its expression in the select list, the field it lands as, and the
    conversion from text to it, or from bytes where ``is_binary``."""

    column: SourceColumn
    expression: str
    field: pa.Field
    conversion: Conversion
    is_binary: bool = False

    def converted(self, array: pa.Array) -> tuple[pa.Array, Faults]:
        """A column as it arrived, as it lands: text and bytes, or numbers and moments as such."""
        if pa.types.is_string(array.type) or pa.types.is_binary(array.type):
            return self.conversion(array)
        return caster(self.field)(array)


def carried(column: SourceColumn) -> Carried:
    """How a column is carried faithfully."""
    name = quote(column.name)

    def made(
        field: pa.Field, conversion: Conversion, expression: str = name, *, is_binary: bool = False
    ) -> Carried:
        metadata = dict(field.metadata or {})
        if column.comment:
            metadata[COMMENT_KEY] = column.comment.encode()
        return Carried(column, expression, field.with_metadata(metadata), conversion, is_binary)

    def parsed(kind: pa.DataType, expression: str = name) -> Carried:
        field = landing(column.name, kind)
        return made(field, text_caster(field), expression)

    if column.type in INTEGERS:
        return parsed(INTEGERS[column.type]["unsigned" in column.written.lower()])
    if column.type == "decimal" and column.precision <= MAX_DIGITS:
        return parsed(pa.decimal128(column.precision, column.scale))
    match column.type:
        case "year":
            return parsed(pa.int16())
        case "bit":
            return parsed(INTEGERS["bigint"][1], f"CAST({name} AS UNSIGNED)")
        case "double":
            return parsed(pa.float64())
        case "float":
            # By itself a FLOAT is written with six digits.
            return parsed(pa.float32(), f"{name} * 1e0")
        case "date":
            return parsed(pa.date32())
        case "datetime":
            return parsed(pa.timestamp("us"))
        case "timestamp":
            return made(landing(column.name, pa.timestamp("us", tz="UTC")), _utc(column.name))
        case "json":
            return made(landing(column.name, pa.string(), "VARIANT"), json_shapes.checker(column.name))
    if column.type in BINARY or column.type in GEOMETRY:
        return made(landing(column.name, pa.binary()), keep, is_binary=True)
    if column.type in TEXT:
        return parsed(pa.string())
    return parsed(pa.string(), f"CAST({name} AS CHAR)")


def _utc(name: str) -> Conversion:
    """The conversion of a moment that the session writes in UTC, without an offset."""
    convert_local = text_caster(landing(name, pa.timestamp("us"), "TIMESTAMP_TZ(6)"))

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        result, faults = convert_local(array)
        return result.cast(pa.timestamp("us", tz="UTC")), faults

    return convert
