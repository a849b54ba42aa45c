"""What JSON can hold, and what becomes of it. Numbers and escapes are written as text, not by a library."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.values.case import Case

LETTERS = 16 * 1000 * 1000
"""Characters of a text that makes a document of 16 MB."""

DIGITS = "12345678901234567890123456789012345678"
"""As many as a NUMBER has."""


@dataclass(frozen=True)
class Whole:
    """A whole line or record in place of one field of it; ``%(id)d`` stands for the row's number and
    ``%(column)s`` for the field's name."""

    text: bytes


def document(case: Case, number: int, column: str) -> bytes:
    """The document that holds a case's value as the field ``column``."""
    if isinstance(case.given, Whole):
        return case.given.text % {b"id": number, b"column": column.encode()}
    value = case.value.encode() if case.given is None else case.given
    return b'{"id": %d, "%s": %s}' % (number, column.encode(), value)


def same(type_: str, value: str, expected: str | None = None, note: str = "", given: Any = None) -> Case:
    """A value that lands in a VARIANT: as it is written, or as the ``expected`` JSON."""
    return Case(type_, value, "VARIANT", "equal", value if expected is None else expected, note, given)


def aside(type_: str, value: str, reason: str, note: str = "", given: Any = None) -> Case:
    return Case(type_, value, "VARIANT", "quarantined", reason, note, given)


def numbers() -> Iterable[Case]:
    for value in (
        "0",
        "-0",
        "1.10",
        "9007199254740993",
        "9223372036854775808",
        "-18446744073709551616",
        DIGITS,
        f"-{DIGITS}",
        f"0.{DIGITS}",
        "1234567890123456789012345678.0123456789",
        "0.30000000000000004",
        "0.1000000000000000055511151231257827",
        "1" + "0" * 37,
    ):
        yield same("number", value)
    yield same("number", "1" + "0" * 39, note="40 digits, and a double.")
    for value in ("1E5", "1e-7", "5e-324", "1.7976931348623157e308", "-1.5e300", "1e22", "0e0"):
        yield same("number", value)
    yield same("number", "4.9E-324", "5e-324", "The same double as Java writes it.")
    yield same("number", "1.0000000000000001e-05", "1e-05", "The same double with 17 digits.")
    for value in (
        f"{DIGITS}9",
        f"0.{DIGITS}9",
        "12345678901234567.8901234567890123456789",
        "1e400",
        "1e-400",
        "1e99999999999999999999",
        "-1.00000000000000001e0",
    ):
        yield aside("number", value, "would be rounded")


def not_numbers() -> Iterable[Case]:
    """What other notations call numbers; as the whole of an answer it is no JSON."""
    for value in ("NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10", "1_000"):
        yield aside("number", value, "not JSON")


def strings() -> Iterable[Case]:
    for value in ('""', '" "', '"null"', '"🚲 é \u2028 \u0085"', '"\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f"'):
        yield same("string", value)
    yield same("string", '"\\ud83d\\udeb2"', '"🚲"', "One character, written as a pair of escapes.")
    yield same("string", '"\\u00e9\\/"', '"é/"')
    yield same("string", '"\ufeff\uffff\x7f"')
    yield aside("string", '"\\ud800"', "half of a surrogate pair")
    yield aside("string", '"\\udeb2\\ud83d"', "half of a surrogate pair", "The halves in the wrong order.")
    yield aside("string", '"a\\u0000b"', "\\u0000 has no place in a VARIANT")


def broken_strings() -> Iterable[Case]:
    yield aside("string", '"a\tb"', "not JSON", "A tab that is not escaped.")
    yield aside("string", '"\\x41"', "not JSON")
    yield aside("string", "'a'", "not JSON")
    yield aside("string", '"a', "not JSON", "Its line alone: the next one is a document again.")


def structures() -> Iterable[Case]:
    for value in ("{}", '{"": 1}', '{"a.b": {"$x": [1]}}', '{"b": 1, "a": 2}', '{"é": "\\n"}'):
        yield same("object", value)
    key = "k" * 100_000
    yield same("object", "a key of 100,000 letters", f'{{"{key}":1}}', given=f'{{"{key}":1}}'.encode())
    yield aside("object", '{"a": 1, "a": 1}', "the key 'a' occurs twice")
    yield aside("object", '{"a": 1, "\\u0061": 2}', "the key 'a' occurs twice")
    yield aside("object", '[{"x": {"": 1, "": null}}]', "the key '' occurs twice")
    for value in ("[]", '[1, "1", null, [1.5], {"b": true}]', "[[[]]]"):
        yield same("array", value)
    deep = "[" * 500 + "]" * 500
    yield same("array", "500 arrays deep", deep, given=deep.encode())


def broken_structures() -> Iterable[Case]:
    for value in ('{"a": 1,}', "{a: 1}", '{"a" 1}', "/* */ 1"):
        yield aside("object", value, "not JSON")
    yield aside("array", "[1,]", "not JSON")
    deep = b"[" * 100_000 + b"]" * 100_000
    yield aside("array", "100,000 arrays deep", "nested too deeply", given=deep)


def literals() -> Iterable[Case]:
    yield same("literal", "true")
    yield same("literal", "false")
    yield same("literal", "null")
    missing = Whole(b'{"id": %(id)d}')
    yield Case("missing", "no such field", "VARIANT", "equal", None, "Missing in the document too.", missing)


def lines() -> Iterable[Case]:
    for value in ("True", "None", "undefined", "tru"):
        yield aside("literal", value, "not JSON")
    text = "x" * LETTERS
    yield same("string", f"{LETTERS:,} letters", f'"{text}"', given=f'"{text}"'.encode())
    yield aside("string", "a, then the byte ff", "bytes that are not utf-8", given=b'"a\xff"')
    yield aside(
        "string", "half a surrogate pair (ed a0 80)", "bytes that are not utf-8", given=b'"\xed\xa0\x80"'
    )
    yield aside("string", "an overlong zero (c0 80)", "bytes that are not utf-8", given=b'"\xc0\x80"')
    windows = Whole(b'{"id": %(id)d, "%(column)s": 1}\r')
    yield same("line", "ends with CR LF", "1", given=windows)
    blanks = Whole(b' \t{"id": %(id)d , "%(column)s" : 1 } ')
    yield same("line", "white space around everything", "1", given=blanks)
    for text in ("5", '"text"', "null", "[1]", "true"):
        yield aside("line", text, "the document is no object", given=Whole(text.encode()))
    after = Whole(b'{"id": %(id)d, "%(column)s": 1} x')
    yield aside("line", '{"id": 1} x', "not JSON", given=after)
    two = Whole(b'{"id": %(id)d}{"id": %(id)d}')
    yield aside("line", '{"id": 1}{"id": 1}', "not JSON", given=two)
    cut = Whole(b'{"id": %(id)d, "%(column)s":')
    yield aside("line", '{"id": 1, "v":', "not JSON", given=cut)
    yield aside("line", '{"v": 1}', "the key has no value", given=Whole(b'{"%(column)s": 1}'))
    yield aside("line", '{"id": null}', "the key has no value", given=Whole(b'{"id": null}'))
    mark = Whole(b'\xef\xbb\xbf{"id": %(id)d}')
    yield aside("line", "a byte order mark, not in the first line", "not JSON", given=mark)
    yield aside("line", "the byte 0", "not JSON", given=Whole(b'\0{"id": %(id)d}'))


def columns() -> Iterable[Case]:
    """Values taken out into a column of a declared type."""

    def of(type_: str, value: str, lands: str, expected: Any, note: str = "") -> Case:
        return Case(type_, value, lands, "equal", expected, note)

    def out(type_: str, value: str, lands: str, reason: str) -> Case:
        return Case(type_, value, lands, "quarantined", reason)

    number, moment = "NUMBER(38,4)", "TIMESTAMP_TZ(6)"
    yield of("number", "9007199254740993.1", number, Decimal("9007199254740993.1000"))
    yield of("number", "1e3", number, Decimal("1000.0000"))
    yield of("string", '"1.50"', number, Decimal("1.5000"), "A number in a text is read as one.")
    yield out("number", "0.00001", number, "is not a NUMBER(38,4)")
    yield out("string", '"1,000"', number, "is not a NUMBER(38,4)")
    yield out("object", "{}", number, "holds an object")
    yield of("number", "0.1", "FLOAT", 0.1)
    yield of("string", '"NaN"', "FLOAT", math.nan)
    yield out("number", "9007199254740993", "FLOAT", "would be rounded in a FLOAT")
    early = datetime(2024, 1, 1, 5, 30, tzinfo=UTC)
    yield of("string", '"2024-01-01T06:30:00+01:00"', moment, early, "The instant; not its offset.")
    yield out("string", '"2024-01-01T06:30:00"', moment, "is not a TIMESTAMP_TZ(6)")
    yield out("number", "1704090600", moment, "is not a TIMESTAMP_TZ(6)")
    yield of("string", '"0001-01-01"', "DATE", date(1, 1, 1))
    yield out("string", '"10000-01-01"', "DATE", "is not a DATE")
    yield of("literal", "false", "BOOLEAN", False)
    yield of("string", '"yes"', "BOOLEAN", True)
    yield out("number", "2", "BOOLEAN", "is not a BOOLEAN")
    yield of("number", "1.10", "VARCHAR", "1.10", "A number's own text.")
    yield of("number", "9007199254740993", "VARCHAR", "9007199254740993")
    yield of("string", '""', "VARCHAR", "")
    yield of("literal", "null", "VARCHAR", None)
    yield of("literal", "true", "VARCHAR", "true")
    yield out("array", "[]", "VARCHAR", "holds a list")


SHARED: tuple[Case, ...] = tuple(case for some in (numbers, strings, structures, literals) for case in some())
"""Cases that are JSON, so that they may stand within a list or an answer."""

CASES: tuple[Case, ...] = (
    *SHARED,
    *(case for some in (not_numbers, broken_strings, broken_structures, lines, columns) for case in some()),
)
"""Cases of lines: one that is broken spoils no other."""


UTF_8_WITH_MARK: tuple[Case, ...] = (
    Case("utf-8 with a byte order mark", '"é🚲"', "VARIANT", "equal", '"é🚲"'),
)
UTF_16: tuple[Case, ...] = (Case("utf-16", '"é🚲"', "VARIANT", "equal", '"é🚲"'),)
CP1252: tuple[Case, ...] = (
    Case("cp1252", '"€é"', "VARIANT", "equal", '"€é"'),
    Case("cp1252", "the byte 81", "VARIANT", "quarantined", "bytes that are not cp1252", given=b'"\x81"'),
)
