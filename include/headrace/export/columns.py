"""The columns of a statement's result as an export writes them: Arrow types, the same in every batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from include.headrace.errors import PermanentError

if TYPE_CHECKING:
    from snowflake.connector.cursor import ResultMetadata

LARGEST_INTEGER_DIGITS = 18
"""Every NUMBER of this many digits and no scale fits into 64 bits."""

PLAIN: dict[str, pa.DataType] = {
    "REAL": pa.float64(),
    "TEXT": pa.string(),
    "VARIANT": pa.string(),
    "OBJECT": pa.string(),
    "ARRAY": pa.string(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
    "TIMESTAMP_LTZ": pa.timestamp("us", "UTC"),
    "TIMESTAMP_TZ": pa.timestamp("us", "UTC"),
    "BINARY": pa.binary(),
    "BOOLEAN": pa.bool_(),
}
"""Snowflake's types by the connector's names. Documents are their JSON text; a time with a zone is its
instant in UTC."""


@dataclass(frozen=True)
class ExportColumn:
    """A column: its name, its type as Snowflake writes it, and the Arrow type in the files."""

    name: str
    type: str
    arrow: pa.DataType


def columns_of(description: Sequence[ResultMetadata]) -> tuple[ExportColumn, ...]:
    """The columns of a result as the connector describes it.

    Raises PermanentError for a type that files cannot carry, such as GEOGRAPHY.
    """
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    return tuple(_column(one, str(FIELD_ID_TO_NAME[one.type_code])) for one in description)


def _column(one: ResultMetadata, kind: str) -> ExportColumn:
    if kind == "FIXED":
        precision, scale = int(one.precision or 38), int(one.scale or 0)
        small = scale == 0 and precision <= LARGEST_INTEGER_DIGITS
        arrow = pa.int64() if small else pa.decimal128(precision, scale)
        return ExportColumn(one.name, f"NUMBER({precision},{scale})", arrow)
    if kind not in PLAIN:
        raise PermanentError(
            f"Column {one.name} has the type {kind}, which an export cannot carry; cast it in the model."
        )
    name = {"REAL": "FLOAT", "TEXT": "VARCHAR"}.get(kind, kind)
    return ExportColumn(one.name, name, PLAIN[kind])


def arrow_schema(columns: Sequence[ExportColumn]) -> pa.Schema:
    """The schema of the files."""
    return pa.schema([pa.field(column.name, column.arrow) for column in columns])


def settled(rows: pa.Table, columns: Sequence[ExportColumn]) -> pa.Table:
    """One batch of a result in the types of the files; the connector's own depend on the batch's values.

    Raises PermanentError where a value would change, such as a time with digits below a microsecond.
    """
    arrays = [_cast(array, column) for array, column in zip(rows.columns, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(columns))


def _cast(values: pa.ChunkedArray, column: ExportColumn) -> pa.ChunkedArray:
    try:
        return values.cast(column.arrow)
    except pa.ArrowInvalid as error:
        raise PermanentError(
            f"Column {column.name} of type {column.type} holds a value that {column.arrow} cannot carry "
            f"unchanged ({error}); round or cast it in the model."
        ) from None


def as_text(rows: pa.Table) -> pa.Table:
    """The rows as CSV shows them: bytes as hexadecimal text, all else as it is."""
    for position, field in enumerate(rows.schema):
        if pa.types.is_binary(field.type):
            values: list[bytes | None] = rows.column(position).to_pylist()
            texts = [None if value is None else value.hex() for value in values]
            rows = rows.set_column(position, field.name, pa.array(texts, pa.string()))
    return rows
