"""Values on their way to a landing type: casts that never alter in silence, and what they leave out.

A conversion takes one column of a batch and gives the column as it lands, with the rows that
cannot be carried. Those rows are set aside whole, so what stands in the column there is of no account.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers.base import TYPE_KEY
from include.headrace.schema import snowflake_type

Faults = dict[int, str]
"""Rows of a batch, from 0, that cannot be carried, each with the reason."""

Conversion = Callable[[pa.Array], tuple[pa.Array, Faults]]

FIRST_DAY = date(1, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
LAST_DAY = date(9999, 12, 31).toordinal() - date(1970, 1, 1).toordinal()
DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000
SHOWN = 80

INFINITE = {
    -(2**31) + 10_957 - 1: "infinity",
    -(2**31) + 10_957: "-infinity",
    -(2**63) + 10_957 * DAY_MICROSECONDS - 1: "infinity",
    -(2**63) + 10_957 * DAY_MICROSECONDS: "-infinity",
}
"""PostgreSQL's infinite dates and timestamps as its driver gives them: the ends of the integers,
moved and wrapped by the 10,957 days between PostgreSQL's epoch (2000) and Arrow's (1970)."""


def shown(value: object) -> str:
    """A value as a reason repeats it: quoted, and cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def keep(array: pa.Array) -> tuple[pa.Array, Faults]:
    """The conversion of a column that lands as it is."""
    return array, {}


def cast(array: pa.Array, kind: pa.DataType) -> tuple[pa.Array, list[int]]:
    """Cast without loss: the column, and the rows (from 0) whose value has no equal in ``kind``.

    Arrow refuses a whole column for one value, so a column that fails is halved until the values
    at fault stand alone; they are NULL in the result.
    """
    try:
        return array.cast(kind), []
    except pa.ArrowInvalid:
        if len(array) == 1:
            return pa.nulls(1, kind), [0]
    half = len(array) // 2
    left, left_bad = cast(array.slice(0, half), kind)
    right, right_bad = cast(array.slice(half), kind)
    return pa.concat_arrays([left, right]), left_bad + [half + row for row in right_bad]


def caster(field: pa.Field) -> Conversion:
    """The conversion to a field's type; the reason names the Snowflake type that was wanted."""
    wanted = snowflake_type(field)

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        result, bad = cast(array, field.type)
        faults = {row: f"{field.name}: {shown(value_text(array, row))} is not a {wanted}" for row in bad}
        if pa.types.is_temporal(field.type):
            result, outside = in_calendar(field)(result)
            faults = {**outside, **faults}
        return result, faults

    return convert


def in_utf_8(field: pa.Field, then: Conversion) -> Conversion:
    """A conversion of text that may not be UTF-8, though its source says so and Arrow believes it."""
    from_bytes = caster(pa.field(field.name, pa.string()))

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        text, wrong = from_bytes(array.cast(pa.string()).cast(pa.binary()))
        result, faults = then(text)
        return result, {**faults, **wrong}

    return convert


def text_caster(field: pa.Field) -> Conversion:
    """The conversion of text to a field's type, with Arrow's lenience taken back.

    A number too large for a double is refused rather than made infinite.
    """
    if pa.types.is_time(field.type):
        return _time_caster(field)
    convert = caster(field)
    if not pa.types.is_floating(field.type):
        return convert

    def finite(array: pa.Array) -> tuple[pa.Array, Faults]:
        result, faults = convert(array)
        for row in pc.indices_nonzero(pc.is_inf(result)).to_pylist():
            if "inf" not in array[row].as_py().lower():
                faults[row] = f"{field.name}: {shown(array[row])} is too large for a FLOAT"
        return result, faults

    return finite


def _time_caster(field: pa.Field) -> Conversion:
    """Arrow has no cast of text to a time of day, but one to a moment of some day."""
    moment = pa.timestamp(field.type.unit)

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        result, bad = cast(pc.binary_join_element_wise("1970-01-01", array, " "), moment)
        wanted = snowflake_type(field)
        return result.cast(field.type), {
            row: f"{field.name}: {shown(array[row])} is not a {wanted}" for row in bad
        }

    return convert


def calendar_text(kind: pa.DataType, value: int) -> str:
    """A date or timestamp far outside Python's calendar as ISO text, such as ``4713-01-01 BC``.

    Gregorian on both sides of 1582, as PostgreSQL and Arrow count. ``value`` counts the type's unit
    from 1970-01-01.
    """
    if value in INFINITE:
        return INFINITE[value]
    per_day = 1 if pa.types.is_date32(kind) else DAY_MICROSECONDS
    days, rest = divmod(value, per_day)
    # Days since 0000-03-01 in eras of 400 years: Howard Hinnant, "chrono-compatible low-level date
    # algorithms", civil_from_days.
    era, of_era = divmod(days + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (month <= 2)
    text = f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day:02d}"
    if per_day > 1:
        seconds, micros = divmod(rest, 1_000_000)
        text += f" {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{micros:06d}"
    return text + (" BC" if year <= 0 else "")


def in_calendar(field: pa.Field) -> Conversion:
    """The conversion of a time column: years 1 to 9999 and times of day before 24:00 are carried.

    Snowflake's documentation, "Date & time data types", gives 9999 as the last year.
    """
    kind = field.type
    if pa.types.is_date32(kind):
        low, high, width = FIRST_DAY, LAST_DAY, pa.int32()
    elif pa.types.is_timestamp(kind) and kind.unit == "us":
        low, high = FIRST_DAY * DAY_MICROSECONDS, (LAST_DAY + 1) * DAY_MICROSECONDS - 1
        width = pa.int64()
    elif pa.types.is_time64(kind):
        low, width = 0, pa.int64()
        high = DAY_MICROSECONDS * (1000 if kind.unit == "ns" else 1) - 1
    else:
        return keep
    what = "is no time of a day" if pa.types.is_time(kind) else "is outside the years 1 to 9999"

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        numbers = array.view(width)
        if not len(array) or array.null_count == len(array):
            return array, {}
        ends = pc.min_max(numbers).as_py()
        if low <= ends["min"] and ends["max"] <= high:
            return array, {}
        outside = pc.or_(pc.less(numbers, low), pc.greater(numbers, high))
        rows = pc.indices_nonzero(pc.fill_null(outside, False)).to_pylist()
        return array, {row: f"{field.name}: {value_text(array, row)} {what}" for row in rows}

    return convert


def value_text(array: pa.Array, row: int) -> str | None:
    """One value as text, for a record set aside: binary and text that is not UTF-8 in hex, times in ISO,
    NULL as None."""
    value = array[row]
    if not value.is_valid:
        return None
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return str(value.as_py().hex())
    if pa.types.is_date32(kind) or (pa.types.is_timestamp(kind) and kind.unit == "us"):
        number = value.value
        days = number if pa.types.is_date32(kind) else number // DAY_MICROSECONDS
        if not FIRST_DAY <= days <= LAST_DAY:
            return calendar_text(kind, number)
    if pa.types.is_time64(kind) and value.value >= DAY_MICROSECONDS * (1000 if kind.unit == "ns" else 1):
        return f"{value.value} {kind.unit} after midnight"
    try:
        return str(value.cast(pa.string()).as_py())
    except UnicodeDecodeError:
        return str(value.cast(pa.string()).cast(pa.binary(), safe=False).as_py().hex())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _python_text(value)


def _python_text(value: pa.Scalar) -> str:
    """Python's text of a value that Arrow does not write, such as a list."""
    try:
        return str(value.as_py())
    except (OverflowError, ValueError):
        return f"a {value.type} that Python cannot show"


def landing(name: str, kind: pa.DataType, snowflake: str | None = None) -> pa.Field:
    """A field of a reader's schema; ``snowflake`` is set where Arrow's type does not say it."""
    return pa.field(name, kind, metadata={TYPE_KEY: snowflake} if snowflake else None)
