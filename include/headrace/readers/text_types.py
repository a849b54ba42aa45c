"""From text, such as a CSV column, to the Snowflake type that the source file declares for it."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.errors import ConfigError
from include.headrace.readers import json_text
from include.headrace.readers.doubles import rounded
from include.headrace.readers.values import Conversion, Faults, keep, landing, shown, text_caster

TRUE = pa.array(["true", "t", "yes", "y", "on", "1"])
FALSE = pa.array(["false", "f", "no", "n", "off", "0"])
"""Texts of a boolean, in any case (Snowflake documentation, TO_BOOLEAN)."""


def declared(name: str, kind: str) -> tuple[pa.Field, Conversion]:
    """The field of a column declared as a Snowflake type, and the conversion from text to it.

    Raises ConfigError for a type that text is not read as.
    """
    found = re.fullmatch(r"([A-Z_]+)(?:\((\d+)(?:,(\d+))?\))?", kind)
    base, first, second = found.groups() if found else (kind, None, None)
    if base == "VARCHAR":
        return landing(name, pa.string()), keep
    if base == "VARIANT":
        return landing(name, pa.string(), "VARIANT"), json_text.checker(name)
    if base == "BOOLEAN":
        return landing(name, pa.bool_()), _boolean(name)
    if base == "BINARY":
        return landing(name, pa.binary()), _binary(name)
    if base == "FLOAT":
        return landing(name, pa.float64()), _float(name)
    if base == "DATE":
        return _by_cast(landing(name, pa.date32()))
    if base == "NUMBER" and first is not None and 1 <= int(first) <= 38 and int(second or 0) <= int(first):
        return _by_cast(landing(name, pa.decimal128(int(first), int(second or 0))))
    if base in ("TIME", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"):
        digits = 6 if first is None else int(first)
        unit = "us" if digits <= 6 else "ns"
        zone = "UTC" if base == "TIMESTAMP_TZ" else None
        arrow = pa.time64(unit) if base == "TIME" else pa.timestamp(unit, tz=zone)
        field = landing(name, arrow, f"{base}({digits})")
        return field, _with_digits(field, digits, 6 if unit == "us" else 9)
    raise ConfigError(f"The column {name!r} is declared as {kind}, which text is not read as.")


def _by_cast(field: pa.Field) -> tuple[pa.Field, Conversion]:
    return field, text_caster(field)


def _float(name: str) -> Conversion:
    convert_all = text_caster(landing(name, pa.float64()))

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        result, faults = convert_all(array)
        for row in rounded(array, result):
            faults[row] = f"{name}: {shown(array[row])} would be rounded in a FLOAT"
        return result, faults

    return convert


def _boolean(name: str) -> Conversion:
    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        lower = pc.utf8_lower(array)
        true = pc.is_in(lower, value_set=TRUE)
        known = pc.or_(pc.or_(true, pc.is_in(lower, value_set=FALSE)), array.is_null())
        bad = pc.indices_nonzero(pc.invert(known)).to_pylist()
        result = pc.if_else(array.is_valid(), true, pa.scalar(None, pa.bool_()))
        return result, {row: f"{name}: {shown(array[row])} is not a BOOLEAN" for row in bad}

    return convert


def _binary(name: str) -> Conversion:
    """Snowflake reads text as hex unless told otherwise (documentation, BINARY_INPUT_FORMAT)."""

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        faults: Faults = {}
        values: list[bytes | None] = []
        for row, text in enumerate(array.to_pylist()):
            if text is None or re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", text):
                values.append(None if text is None else bytes.fromhex(text))
            else:
                values.append(None)
                faults[row] = f"{name}: {shown(text)} is not hexadecimal"
        return pa.array(values, pa.binary()), faults

    return convert


def _with_digits(field: pa.Field, digits: int, unit_digits: int) -> Conversion:
    """The conversion to a time of ``digits`` decimals of a second: more are refused, not rounded."""
    convert_all = text_caster(field)
    step = 10 ** (unit_digits - digits)

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        result, faults = convert_all(array)
        if step > 1:
            numbers = result.view(pa.int64())
            rest = pc.subtract(numbers, pc.multiply(pc.divide(numbers, step), step))
            rows = pc.indices_nonzero(pc.fill_null(pc.not_equal(rest, 0), False)).to_pylist()
            for row in rows:
                faults[row] = f"{field.name}: {shown(array[row])} has more than {digits} decimals of a second"
        return result, faults

    return convert
