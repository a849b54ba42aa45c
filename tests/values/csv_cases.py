"""What a CSV file can hold, and what becomes of it. Values are written as they stand in the file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from tests.values.case import Case, Placed

LONGEST = 16 * 1024 * 1024
"""Characters that a VARCHAR takes in any account."""

NUMBER, WHOLE, MOMENT, LOCAL = "NUMBER(38,4)", "NUMBER(10,0)", "TIMESTAMP_TZ(6)", "TIMESTAMP_NTZ(6)"


@dataclass(frozen=True)
class Whole:
    """A whole record in place of one field of it; ``%d`` stands for the row's number."""

    text: bytes


def record(one: Placed, columns: Sequence[str], delimiter: str = ",") -> bytes:
    """The record of a case, without its line end: its number, and fields that are empty but for its own."""
    given = one.case.given
    if isinstance(given, Whole):
        return given.text % one.number
    value = one.case.value.encode() if given is None else given
    fields = [str(one.number).encode(), *(value if name == one.column else b"" for name in columns)]
    return delimiter.encode().join(fields)


def same(type_: str, value: str, lands: str, expected: Any, note: str = "", given: Any = None) -> Case:
    return Case(type_, value, lands, "equal", expected, note, given)


def aside(type_: str, value: str, lands: str, reason: str, note: str = "", given: Any = None) -> Case:
    return Case(type_, value, lands, "quarantined", reason, note, given)


def texts() -> Iterable[Case]:
    def of(value: str, expected: str | None, note: str = "", given: bytes | None = None) -> Case:
        return same("text", value, "VARCHAR", expected, note, given)

    yield of("", None, "NULL.")
    yield of('""', "", "Empty, not NULL.")
    for value in ("null", "NULL", "NA", "None", "\\N", "nan"):
        yield of(value, value)
    for value in (
        " x ",
        "\t",
        "\u00a0",
        "\u2028\u0085\x0b\x0c",
        "x\0y",
        "\ufeffx",
        "😀 👩\u200d👩\u200d👧 e\u0301",
    ):
        yield of(value, value)
    yield of('" q "', " q ")
    yield of('"a,b"', "a,b")
    yield of('"a""b"', 'a"b')
    yield of('""""', '"')
    yield of('5" pipe', '5" pipe', "A quote within an unquoted field stands for itself.")
    yield of(' "x"', ' "x"', "A blank before the quote: not a quoted field.")
    yield of("a\\,b".replace(",", ";"), "a\\;b", "A backslash escapes nothing.")
    yield of('"a\nb"', "a\nb")
    yield of('"a\r\nb"', "a\r\nb")
    yield of('"a\rb"', "a\rb")
    yield of('"\n\n"', "\n\n")
    yield of("007", "007")
    yield of("=1+1", "=1+1")
    letters = "x" * LONGEST
    yield of(f"{LONGEST:,} letters", letters, given=letters.encode())
    more = letters.encode() + b"x"
    yield aside("text", f"{LONGEST + 1:,} letters", "VARCHAR", "more than a VARCHAR holds", given=more)
    for value, given in (
        ("the byte ff", b"\xff"),
        ("half a surrogate pair (ed a0 80)", b"\xed\xa0\x80"),
        ("an overlong slash (c0 af)", b"\xc0\xaf"),
    ):
        yield aside("text", value, "VARCHAR", "the record is not utf-8", given=given)


def numbers() -> Iterable[Case]:
    most = "9" * 34 + ".9999"
    for value, expected, note in (
        ("1.10", "1.1000", ""),
        ("007", "7.0000", "Zeros before a number are no part of it."),
        ("+1", "1.0000", ""),
        ("1e5", "100000.0000", ""),
        ("1E-4", "0.0001", ""),
        (".5", "0.5000", ""),
        ("5.", "5.0000", ""),
        ("-0", "0.0000", ""),
        (most, most, ""),
        ('"12"', "12.0000", "Quoted or not."),
    ):
        yield same("number", value, NUMBER, Decimal(expected), note)
    for value in (
        "0.00001",
        "1.00001",
        "1" + "0" * 34,
        '"1,000"',
        "1 000",
        " 1",
        "1_000",
        "0x10",
        "NaN",
        "\u0661",
        "\u22121",
        "$5",
        '""',
    ):
        note = "Empty, not NULL." if value == '""' else ""
        yield aside("number", value, NUMBER, "is not a NUMBER(38,4)", note)
    yield same("number", "9999999999", WHOLE, 9999999999)
    yield same("number", "1.0", WHOLE, 1)
    yield aside("number", "1.5", WHOLE, "is not a NUMBER(10,0)")
    yield aside("number", "10000000000", WHOLE, "is not a NUMBER(10,0)")


def doubles() -> Iterable[Case]:
    for value, expected in (
        ("0.1", 0.1),
        ("0.10000000000000001", 0.1),
        ("0.30000000000000004", 0.1 + 0.2),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("4.9E-324", 5e-324),
        ("-0.0", -0.0),
        ("NaN", math.nan),
        ("-Infinity", -math.inf),
    ):
        yield same("double", value, "FLOAT", expected)
    for value in ("9007199254740993", "1e-400", "0.12345678901234567890"):
        yield aside("double", value, "FLOAT", "would be rounded in a FLOAT")
    yield aside("double", "1e400", "FLOAT", "is too large for a FLOAT")
    yield aside("double", '"1,5"', "FLOAT", "is not a FLOAT")


def days() -> Iterable[Case]:
    for value, day in (
        ("0001-01-01", date(1, 1, 1)),
        ("1582-10-10", date(1582, 10, 10)),
        ("9999-12-31", date(9999, 12, 31)),
        ("2024-02-29", date(2024, 2, 29)),
    ):
        yield same("date", value, "DATE", day)
    yield aside("date", "0000-01-01", "DATE", "is outside the years 1 to 9999")
    for value in (
        "10000-01-01",
        "2023-02-29",
        "1500-02-29",
        "2024-1-1",
        "01/02/2024",
        "20240101",
        "2024-01-01T00:00:00",
        "-0044-03-15",
    ):
        yield aside("date", value, "DATE", "is not a DATE")
    yield same("time", "23:59:59.999999", "TIME(6)", time(23, 59, 59, 999999))
    yield same("time", "12:30", "TIME(6)", time(12, 30))
    for value in ("24:00:00", "12:30:60", "12:30:00Z", "12:30:00.1234567"):
        yield aside("time", value, "TIME(6)", "is not a TIME(6)")


def moments() -> Iterable[Case]:
    yield same("timestamp", "2024-01-01T06:30:00.123456", LOCAL, datetime(2024, 1, 1, 6, 30, 0, 123456))
    yield same("timestamp", "0001-01-01 00:00:00", LOCAL, datetime(1, 1, 1))
    last = datetime(9999, 12, 31, 23, 59, 59, 999999)
    yield same("timestamp", "9999-12-31 23:59:59.999999", LOCAL, last)
    yield same("timestamp", "2024-01-01", LOCAL, datetime(2024, 1, 1), "The beginning of the day.")
    for value in (
        "2024-01-01T06:30:00.1234567",
        "2024-01-01T06:30:00+01:00",
        "2024-01-01T24:00:00",
        "2016-12-31T23:59:60",
        "10000-01-01 00:00:00",
        "infinity",
        "1704067200",
    ):
        yield aside("timestamp", value, LOCAL, "is not a TIMESTAMP_NTZ(6)")
    short = "TIMESTAMP_NTZ(3)"
    yield same("timestamp", "2024-01-01T06:30:00.123", short, datetime(2024, 1, 1, 6, 30, 0, 123000))
    yield aside("timestamp", "2024-01-01T06:30:00.1234", short, "has more than 3 decimals of a second")
    early = datetime(2024, 1, 1, 5, 30, tzinfo=UTC)
    for value in ("2024-01-01T06:30:00+01:00", "2024-01-01T06:30:00+0100", "2024-01-01T05:30:00Z"):
        note = "" if value.endswith("Z") else "The instant; not its offset."
        yield same("timestamp with offset", value, MOMENT, early, note)
    day_before = datetime(2023, 12, 31, 16, 30, tzinfo=UTC)
    yield same(
        "timestamp with offset",
        "2024-01-01T06:30:00+14:00",
        MOMENT,
        day_before,
        "The instant; not its offset.",
    )
    for value in ("2024-01-01T06:30:00", "2024-01-01T06:30:00+25:00", "2024-01-01T06:30:00 Europe/Berlin"):
        yield aside("timestamp with offset", value, MOMENT, "is not a TIMESTAMP_TZ(6)")
    for value in ("0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00"):
        yield aside("timestamp with offset", value, MOMENT, "is outside the years 1 to 9999", "In UTC.")


def others() -> Iterable[Case]:
    for value in ("true", "TRUE", "t", "yes", "Y", "on", "1"):
        yield same("boolean", value, "BOOLEAN", True)
    for value in ("false", "F", "no", "n", "OFF", "0"):
        yield same("boolean", value, "BOOLEAN", False)
    for value in ("2", " true", "wahr", '""'):
        yield aside("boolean", value, "BOOLEAN", "is not a BOOLEAN")
    yield same("hexadecimal", "00ff", "BINARY", bytearray(b"\x00\xff"))
    yield same("hexadecimal", "DEADbeef", "BINARY", bytearray(b"\xde\xad\xbe\xef"))
    for value in ("0", "0x00", "zz"):
        yield aside("hexadecimal", value, "BINARY", "is not hexadecimal")
    yield same("JSON", '"{""a"": 1.10}"', "VARIANT", '{"a":1.1}')
    yield same("JSON", "null", "VARIANT", "null", "JSON's null, not NULL.")
    yield aside("JSON", '"{""a"": 1, ""a"": 2}"', "VARIANT", "the key 'a' occurs twice")
    yield aside("JSON", "x", "VARIANT", "not JSON")


def records() -> Iterable[Case]:
    short, long = Whole(b"%d"), Whole(b"%d" + b"," * 99)
    yield aside("record", "too few fields", "VARCHAR", "the record has 1 fields, the header has", given=short)
    yield aside(
        "record", "too many fields", "VARCHAR", "the record has 100 fields, the header has", given=long
    )
    yield aside(
        "record", '1,"x"y', "VARCHAR", "text follows the closing quote of field 2", given=Whole(b'%d,"x"y')
    )
    yield aside(
        "record", '1,"x" ', "VARCHAR", "text follows the closing quote of field 2", given=Whole(b'%d,"x" ')
    )
    escaped = Whole(b'%d,"a\\"b"')
    yield aside("record", '1,"a\\"b"', "VARCHAR", "text follows the closing quote of field 2", given=escaped)


def unclosed() -> Iterable[Case]:
    given = Whole(b'%d,"x\nand all that follows')
    yield aside("record", '1,"x', "VARCHAR", "is never closed", "With all that follows it.", given)


CASES: tuple[Case, ...] = tuple(
    case for some in (texts, numbers, doubles, days, moments, others, records, unclosed) for case in some()
)


def is_odd(case: Case) -> bool:
    """True for a field with a quote in it that neither opens, closes nor escapes: Arrow is not asked."""
    return '"' in case.value.strip() and not case.value.startswith('"')


def _named(type_: str, *pairs: tuple[str, str | None]) -> tuple[Case, ...]:
    return tuple(
        same(type_, value, "VARCHAR", expected, "NULL." if expected is None else "")
        for value, expected in pairs
    )


# Files of other shapes than the first: each is one file with all that its types name.
MARK = (
    *_named("utf-8 with a byte order mark", ("é🚲", "é🚲")),
    *_named("delimiter ;", ("a,b", "a,b"), ('"a;b"', "a;b")),
    *_named("lines that end with CR LF", ("x", "x"), ('"a\r\nb"', "a\r\nb"), ('"a\nb"', "a\nb")),
)
WIDE = (
    *_named("utf-16", ("é🚲", "é🚲"), ('"a\nb"', "a\nb")),
    *_named("delimiter tab", (" a ", " a "), ('"a\tb"', "a\tb"), ("a,b", "a,b")),
    *_named("lines that end with CR", ("x", "x"), ('"a\rb"', "a\rb")),
)
LATIN = (
    *_named("latin-1", ("é\x85", "é\x85")),
    *_named("null_values NULL, \\N", ("NULL", None), ("\\N", None)),
    *_named("null_values NULL, \\N", ('"NULL"', "NULL"), ("", "")),
)
WINDOWS = (
    *_named("cp1252", ("€é", "€é")),
    aside("cp1252", "the byte 81", "VARCHAR", "the record is not cp1252", given=b"\x81"),
)
