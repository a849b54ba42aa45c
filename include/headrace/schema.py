"""Columns between Arrow and Snowflake: types, and what changed against the table in RAW."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from include.headrace.errors import ContractError, SourceError
from include.headrace.names import fold_columns, quote
from include.headrace.readers.base import COMMENT_KEY, TYPE_KEY

MAX_DIGITS = 38
"""Most digits of a NUMBER (Snowflake documentation, "Numeric data types")."""

INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
UNSIGNED_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}


@dataclass(frozen=True)
class Column:
    """A column on its way to Snowflake: the source's name, the folded name, and the Snowflake type."""

    source_name: str
    name: str
    type: str
    comment: str | None = None


def snowflake_type(field: pa.Field) -> str:
    """The Snowflake type of an Arrow field; ``headrace.type`` in its metadata decides first.

    Raises SourceError for a type that no Snowflake column can hold faithfully.
    """
    metadata = field.metadata or {}
    if TYPE_KEY in metadata:
        return str(metadata[TYPE_KEY].decode())
    kind = field.type
    if pa.types.is_dictionary(kind):
        return snowflake_type(field.with_type(kind.value_type))
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    if pa.types.is_integer(kind):
        digits = INTEGER_DIGITS if pa.types.is_signed_integer(kind) else UNSIGNED_DIGITS
        return f"NUMBER({digits[kind.bit_width]},0)"
    if pa.types.is_floating(kind):
        return "FLOAT"
    if pa.types.is_decimal(kind) and kind.precision <= MAX_DIGITS and 0 <= kind.scale <= kind.precision:
        return f"NUMBER({kind.precision},{kind.scale})"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "VARCHAR"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "BINARY"
    if pa.types.is_date(kind):
        return "DATE"
    if pa.types.is_time(kind):
        return "TIME(9)" if kind.unit == "ns" else "TIME(6)"
    if pa.types.is_timestamp(kind):
        digits_ = 9 if kind.unit == "ns" else 6
        return f"TIMESTAMP_TZ({digits_})" if kind.tz else f"TIMESTAMP_NTZ({digits_})"
    if pa.types.is_null(kind):
        return "VARCHAR"
    raise SourceError(
        f"Column {field.name!r} has the type {kind}, which no Snowflake column holds; "
        "leave it out with `exclude` or cast it in a view of the source."
    )


def columns_of(schema: pa.Schema) -> list[Column]:
    """The columns of an Arrow schema, in order. Raises SourceError on names equal, or equal when folded."""
    folded = fold_columns(schema.names)
    return [
        Column(
            source_name=field.name,
            name=folded[field.name],
            type=snowflake_type(field),
            comment=(field.metadata or {}).get(COMMENT_KEY, b"").decode() or None,
        )
        for field in schema
    ]


def copy_expression(column: Column) -> str:
    """How a COPY's SELECT reads the column from a Parquet file whose names are folded.

    JSON text is parsed here: without PARSE_JSON it would land in VARIANT as one string.
    """
    value = f"$1:{quote(column.name)}"
    if column.type == "VARIANT":
        return f"PARSE_JSON({value}::VARCHAR)"
    return f"{value}::{column.type}"


@dataclass(frozen=True)
class Change:
    """What a load must do to the table in RAW before it applies: columns to add and to widen."""

    added: tuple[Column, ...] = ()
    widened: tuple[Column, ...] = ()
    discarded: tuple[Column, ...] = ()


def _number(kind: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"NUMBER\((\d+),(\d+)\)", kind)
    return (int(found[1]), int(found[2])) if found else None


def _length(kind: str) -> int | None:
    found = re.fullmatch(r"VARCHAR(?:\((\d+)\))?", kind)
    return int(found[1] or 16777216) if found else None


def fits(incoming: str, existing: str) -> bool:
    """True when every value of type ``incoming`` can be stored in ``existing`` unchanged."""
    if _base(incoming) == _base(existing) and not _number(incoming) and _length(incoming) is None:
        return _scale(incoming) <= _scale(existing)
    new, old = _number(incoming), _number(existing)
    if new and old:
        return new[1] <= old[1] and new[0] - new[1] <= old[0] - old[1]
    new_length, old_length = _length(incoming), _length(existing)
    return new_length is not None and old_length is not None and new_length <= old_length


def _base(kind: str) -> str:
    return kind.split("(")[0]


def _scale(kind: str) -> int:
    found = re.search(r"\((\d+)\)", kind)
    return int(found[1]) if found else 9


def widened(incoming: str, existing: str) -> str | None:
    """The type that holds both, when Snowflake can alter ``existing`` to it in place; else None.

    Snowflake widens a NUMBER's precision, its scale unchanged, and a VARCHAR's length
    (documentation, "ALTER TABLE ... ALTER COLUMN").
    """
    new, old = _number(incoming), _number(existing)
    if new and old and new[1] <= old[1]:
        precision = max(new[0] - new[1], old[0] - old[1]) + old[1]
        return f"NUMBER({precision},{old[1]})" if precision <= MAX_DIGITS else None
    new_length, old_length = _length(incoming), _length(existing)
    if new_length is not None and old_length is not None:
        return (
            "VARCHAR"
            if max(new_length, old_length) >= 16777216
            else f"VARCHAR({max(new_length, old_length)})"
        )
    return None


def compare(incoming: list[Column], existing: dict[str, str], contract: str, table: str) -> Change:
    """Hold the source's columns against the table in RAW (name to type) under its contract.

    ``evolve`` adds new columns and widens types, ``freeze`` refuses both, ``discard`` leaves new
    columns out. A column that the source no longer has stays in RAW, except under ``freeze``: new
    rows have NULL there, and rows known before keep their value. Raises ContractError with every
    difference spelled out when the contract forbids it, or when a type changed in a way that no
    widening covers.
    """
    added = [column for column in incoming if column.name not in existing]
    missing = sorted(set(existing) - {column.name for column in incoming})
    wider: list[Column] = []
    wrong: list[str] = []
    for column in incoming:
        old = existing.get(column.name)
        if old is None or fits(column.type, old):
            continue
        new = widened(column.type, old) if contract == "evolve" else None
        if new is None:
            wrong.append(f"{column.source_name}: {old} in RAW, {column.type} in the source")
        else:
            wider.append(Column(column.source_name, column.name, new, column.comment))
    if contract == "freeze":
        wrong += [f"{column.source_name}: not in RAW, {column.type} in the source" for column in added]
        wrong += [f"{name}: {existing[name]} in RAW, not in the source" for name in missing]
    if wrong:
        raise ContractError(
            f"The columns of {table} differ from its contract ({contract}): {'; '.join(wrong)}. "
            "Change the source back, alter the table in RAW, or change `contract` in the source file."
        )
    if contract == "discard":
        return Change(discarded=tuple(added))
    return Change(added=tuple(added), widened=tuple(wider))
