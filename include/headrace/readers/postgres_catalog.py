"""What PostgreSQL's catalog says of a table, and how each of its columns is best carried.

The driver (ADBC) is exact for the types in ``DIRECT`` only. Everything else is cast to text in
the source and parsed or kept as text here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from include.headrace.errors import SourceError
from include.headrace.names import quote
from include.headrace.readers import json_text
from include.headrace.readers.base import COMMENT_KEY
from include.headrace.readers.values import (
    Conversion,
    Faults,
    caster,
    in_calendar,
    in_utf_8,
    keep,
    landing,
    shown,
)

READABLE = "rpvmf"
"""Kinds of relation (pg_class.relkind) that hold rows: table, partitioned table, view,
materialised view, foreign table."""

DIRECT = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
MONEY = pa.decimal128(22, 3)
"""64 bits of the smallest coin, of which a currency has at most a thousand to the unit."""

MAX_DIGITS = 38

BOUNDED = re.compile(r"\[-?\d+:-?\d+\]")
"""How the text of an array begins when it tells the bounds of its indices. No JSON begins so."""

OTHER_BOUNDS = r"\[(?!1:)"
"""In the text of an array's dimensions: an index that does not begin at 1, as they do by themselves."""

RELATION = """
select c.relkind::text, pg_catalog.has_table_privilege(c.oid, 'select')
       or pg_catalog.has_any_column_privilege(c.oid, 'select')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2
"""

NEIGHBOURS = """
select c.relname::text
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by 1 limit 30
"""

SCHEMAS = """
select nspname::text from pg_catalog.pg_namespace
where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1 limit 30
"""

COLUMNS = """
with recursive attribute as (
    select a.attnum, a.attname, a.atttypid, a.atttypmod,
           pg_catalog.col_description(a.attrelid, a.attnum) as comment
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped
), resolved(attnum, type_id, modifier, is_domain) as (
    select attnum, atttypid, atttypmod, false from attribute
    union all
    select r.attnum, t.typbasetype, t.typtypmod, true
    from resolved r join pg_catalog.pg_type t on t.oid = r.type_id where t.typtype = 'd'
)
select a.attname::text,
       case when n.nspname = 'pg_catalog' then t.typname::text else '' end,
       case when t.typtype = 'c' then 'composite' when t.typcategory = 'A' then 'array' else 'scalar' end,
       r.modifier, r.is_domain, pg_catalog.format_type(r.type_id, r.modifier), a.comment
from attribute a
join resolved r on r.attnum = a.attnum
join pg_catalog.pg_type t on t.oid = r.type_id
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.typtype <> 'd'
order by a.attnum
"""


class Cursor(Protocol):
    """The part of a DB-API cursor that is used here."""

    def execute(self, operation: str, parameters: tuple[str, ...] | None = None) -> None: ...

    def fetchall(self) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True)
class SourceColumn:
    """A column as PostgreSQL has it. A domain is seen as its base type.

    ``type`` is the base type's name in pg_catalog, empty for a type of anyone else's; ``shape`` is
    ``scalar``, ``array`` or ``composite``; ``written`` is the type as SQL writes it.
    """

    name: str
    type: str
    shape: str
    modifier: int
    is_domain: bool
    written: str
    comment: str | None


@dataclass(frozen=True)
class Carried:
    """How a column is read: its expression in the select list, the Arrow type that the driver then
    gives, the field it lands as, and the conversion between the two."""

    column: SourceColumn
    expression: str
    arrives: pa.DataType
    field: pa.Field
    conversion: Conversion


def columns_of(cursor: Cursor, schema: str, table: str) -> list[SourceColumn]:
    """The columns of a table or view, in order.

    Raises SourceError, naming what there is, when there is no such schema, table or column, or
    when what has that name holds no rows or may not be read.
    """
    cursor.execute(RELATION, (schema, table))
    found = cursor.fetchall()
    if not found:
        raise _missing(cursor, schema, table)
    kind, allowed = found[0]
    if kind not in READABLE:
        raise SourceError(f"{schema}.{table} in PostgreSQL is neither a table nor a view; it has no rows.")
    if not allowed:
        raise SourceError(f"The connection's user may not read {schema}.{table}; grant it SELECT.")
    cursor.execute(COLUMNS, (schema, table))
    return [SourceColumn(*row) for row in cursor.fetchall()]


def _missing(cursor: Cursor, schema: str, table: str) -> SourceError:
    cursor.execute(NEIGHBOURS, (schema,))
    tables = [name for (name,) in cursor.fetchall()]
    if tables:
        return SourceError(
            f"There is no table {table!r} in the schema {schema!r} of PostgreSQL; it has "
            f"{', '.join(tables)}. Correct `name` or `schema` in the source file."
        )
    cursor.execute(SCHEMAS)
    schemas = ", ".join(name for (name,) in cursor.fetchall())
    return SourceError(
        f"There is no table {table!r} in PostgreSQL: its schema {schema!r} is empty or missing. The database "
        f"has the schemas {schemas}. Correct `schema` in the source file."
    )


def check_named(columns: list[SourceColumn], table: str, names: Iterable[str], field: str) -> None:
    """Raise SourceError when one of ``names``, written under ``field``, is no column of the table."""
    have = [column.name for column in columns]
    for name in names:
        if name not in have:
            raise SourceError(
                f"{table} has no column {name!r}; it has {', '.join(have)}. "
                f"Correct `{field}` in the source file."
            )


def numeric_type(modifier: int) -> pa.DataType | None:
    """The Arrow type of a numeric column by its modifier; None when 38 digits do not hold it.

    The modifier packs precision and scale (PostgreSQL, numeric.c, make_numeric_typmod); a scale may
    be negative or above the precision since version 15.
    """
    if modifier < 4:
        return None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    scale = (scale ^ 1024) - 1024
    precision, scale = (precision - scale, 0) if scale < 0 else (max(precision, scale), scale)
    return pa.decimal128(precision, scale) if precision <= MAX_DIGITS else None


def carried(column: SourceColumn) -> Carried:
    """How a column is carried faithfully."""
    name = quote(column.name)
    based = f"{name}::{column.written}" if column.is_domain else name

    def made(
        expression: str, arrives: pa.DataType, field: pa.Field, conversion: Conversion = keep
    ) -> Carried:
        if pa.types.is_string(arrives):
            conversion = in_utf_8(field, conversion)
        metadata = dict(field.metadata or {})
        if column.comment:
            metadata[COMMENT_KEY] = column.comment.encode()
        return Carried(column, expression, arrives, field.with_metadata(metadata), conversion)

    text = landing(column.name, pa.string())
    if column.shape != "scalar":
        field = landing(column.name, pa.string(), "VARIANT")
        expression = f"pg_catalog.to_json({name})::text"
        if column.shape == "array":
            # JSON has no place for the bounds of an index; the array's own text tells them.
            plain = f"coalesce(pg_catalog.array_dims({name}), '') !~ '{OTHER_BOUNDS}'"
            expression = f"case when {plain} then {expression} else {name}::text end"
        return made(expression, pa.string(), field, _nested(column.name))
    if column.type in DIRECT:
        field = landing(column.name, DIRECT[column.type])
        return made(based, field.type, field, in_calendar(field))
    if column.type in ("json", "jsonb"):
        field = landing(column.name, pa.string(), "VARIANT")
        checker = json_text.checker(column.name, normalised=column.type == "jsonb")
        return made(f"{name}::text", pa.string(), field, checker)
    if column.type == "numeric":
        kind = numeric_type(column.modifier)
        if kind is not None:
            field = landing(column.name, kind)
            # The driver gives numeric as exact text by itself, and takes five times as long for it.
            return made(f"{based}::text", pa.string(), field, caster(field))
    if column.type == "money":
        field = landing(column.name, MONEY)
        return made(f"{name}::numeric::text", pa.string(), field, caster(field))
    if column.type == "oid":
        return made(f"{name}::int8", pa.int64(), landing(column.name, pa.int64()))
    if column.type == "inet":
        # As psql shows it: a cast would add /32 to an address.
        return made(f"pg_catalog.abbrev({name})", pa.string(), text)
    return made(f"{name}::text", pa.string(), text)


def _nested(name: str) -> Conversion:
    """The conversion of JSON, or of the text of an array whose index does not begin at 1."""
    check = json_text.checker(name)

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        result, faults = check(array)
        bounded = [row for row in faults if BOUNDED.match(array[row].as_py())]
        told = "has an index that does not begin at 1, which JSON cannot say"
        return result, {**faults, **{row: f"{name}: {shown(array[row])} {told}" for row in bounded}}

    return convert
