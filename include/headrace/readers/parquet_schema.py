"""The types that Parquet columns land as, and one schema for files that differ a little."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from include.headrace.errors import SourceError
from include.headrace.readers import json_text
from include.headrace.readers.nested import converter, is_nested
from include.headrace.readers.uuids import uuid_texts
from include.headrace.readers.values import Conversion, Faults, caster, in_utf_8, keep, landing

MAX_DIGITS = 38
UNITS = ("s", "ms", "us", "ns")
EXACT_INTEGER_BITS = 32
"""Integers up to this width are exact as doubles, which have 53 bits of fraction."""


def landing_type(name: str, kind: pa.DataType, where: str) -> pa.DataType:
    """The Arrow type that a column of a file lands as; nested types stay as they are.

    Raises SourceError, naming file and column, for a type that has no faithful landing type.
    """
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name in ("arrow.json", "arrow.uuid"):
            return kind
        return landing_type(name, kind.storage_type, where)
    if pa.types.is_dictionary(kind):
        return landing_type(name, kind.value_type, where)
    if is_nested(kind):
        return kind
    if pa.types.is_uint64(kind):
        return pa.decimal128(20, 0)
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_decimal(kind) and kind.scale <= MAX_DIGITS:
        return pa.decimal128(min(kind.precision, MAX_DIGITS), kind.scale)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_string(kind):
        return pa.string()
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_date(kind):
        return pa.date32()
    if pa.types.is_time(kind):
        return pa.time64("ns" if kind.unit == "ns" else "us")
    if pa.types.is_timestamp(kind):
        return pa.timestamp("ns" if kind.unit == "ns" else "us", tz="UTC" if kind.tz else None)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return kind
    if pa.types.is_null(kind):
        return kind
    raise SourceError(
        f"Column {name!r} of {where} has the type {kind}, which no Snowflake column holds; leave it out "
        "with `exclude`."
    )


def common_type(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """The type that holds every value of both, or None when there is none."""
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    if is_nested(first) and is_nested(second):
        # Both land as JSON, whatever their insides.
        return first
    numbers = (_digits(first), _digits(second))
    if numbers[0] is not None and numbers[1] is not None:
        return _common_number(first, second, numbers[0], numbers[1])
    for one, other in ((first, second), (second, first)):
        if pa.types.is_floating(one):
            if pa.types.is_floating(other):
                return pa.float64()
            exact = pa.types.is_integer(other) and other.bit_width <= EXACT_INTEGER_BITS
            return pa.float64() if exact else None
    if pa.types.is_timestamp(first) and pa.types.is_timestamp(second) and first.tz == second.tz:
        return pa.timestamp(max(first.unit, second.unit, key=UNITS.index), tz=first.tz)
    if pa.types.is_time(first) and pa.types.is_time(second):
        return pa.time64(max(first.unit, second.unit, key=UNITS.index))
    return None


def _digits(kind: pa.DataType) -> tuple[int, int] | None:
    """Digits before and after the point that a decimal has or an integer may need."""
    if pa.types.is_decimal(kind):
        return kind.precision - kind.scale, kind.scale
    if pa.types.is_integer(kind):
        return {8: 3, 16: 5, 32: 10, 64: 19}[kind.bit_width], 0
    return None


def _common_number(
    first: pa.DataType, second: pa.DataType, left: tuple[int, int], right: tuple[int, int]
) -> pa.DataType | None:
    if pa.types.is_integer(first) and pa.types.is_integer(second):
        signed = [pa.types.is_signed_integer(kind) for kind in (first, second)]
        if signed[0] == signed[1]:
            return first if first.bit_width >= second.bit_width else second
        unsigned = second if signed[0] else first
        needed = max(unsigned.bit_width * 2, (first if signed[0] else second).bit_width)
        return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[needed]
    whole, scale = max(left[0], right[0]), max(left[1], right[1])
    return pa.decimal128(whole + scale, scale) if whole + scale <= MAX_DIGITS else None


def unify(schemas: list[tuple[str, pa.Schema]], exclude: Collection[str]) -> dict[str, pa.DataType]:
    """One landing type a column, in the order of their first appearance. ``schemas`` names each file.

    Of the excluded columns only the names matter. A column that a file lacks is NULL there. Raises
    SourceError, naming file and column, when a file has a column twice or its type cannot be joined
    without loss.
    """
    joined: dict[str, pa.DataType] = {}
    owners: dict[str, str] = {}
    for path, schema in schemas:
        if len(set(schema.names)) != len(schema.names):
            double = next(name for name in schema.names if schema.names.count(name) > 1)
            raise SourceError(f"{path} has the column {double!r} twice; rename one.")
        for field in schema:
            kind = pa.null() if field.name in exclude else landing_type(field.name, field.type, path)
            if field.name not in joined:
                joined[field.name], owners[field.name] = kind, path
                continue
            common = common_type(joined[field.name], kind)
            if common is None:
                raise SourceError(
                    f"Column {field.name!r} is {kind} in {path} and {joined[field.name]} in "
                    f"{owners[field.name]}; no type holds both without loss. Mend the file, or give the "
                    "files a table each."
                )
            joined[field.name] = common
    return joined


def target(name: str, kind: pa.DataType) -> pa.Field:
    """The field that a column of the joined type lands as."""
    if is_nested(kind):
        return landing(name, pa.string(), "VARIANT")
    if isinstance(kind, pa.BaseExtensionType):
        return landing(name, pa.string(), "VARIANT" if kind.extension_name == "arrow.json" else None)
    if pa.types.is_null(kind):
        return landing(name, pa.string())
    return landing(name, kind)


def conversion(field: pa.Field, own: pa.DataType) -> Conversion:
    """The conversion of a file's own type to the field that its column lands as."""
    if is_nested(own):
        return converter(field.name)
    if isinstance(own, pa.BaseExtensionType):
        return _of_extension(field, own)
    return in_utf_8(field, keep) if pa.types.is_string(field.type) else caster(field)


def _of_extension(field: pa.Field, own: pa.BaseExtensionType) -> Conversion:
    check = in_utf_8(field, json_text.checker(field.name))

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        storage = array.storage
        if own.extension_name == "arrow.uuid":
            storage = uuid_texts(storage)
        elif own.extension_name == "arrow.json":
            return check(storage)
        return conversion(field, storage.type)(storage)

    return convert
