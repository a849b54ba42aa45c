"""What a document of MongoDB can hold, and what becomes of it. Expected JSON is relaxed Extended JSON v2
(MongoDB's specification), written here by hand."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128

from tests.values.bson_bytes import (
    binary,
    document,
    double,
    element,
    int32,
    int64,
    scoped_code,
    text,
    timestamp,
)
from tests.values.case import Case

DOUBLE, STRING, OBJECT, ARRAY, BINARY, UNDEFINED, OBJECT_ID, BOOLEAN, DATE, NULL = range(1, 11)
REGEX, POINTER, CODE, SYMBOL, SCOPED, INT32, TIMESTAMP, INT64, DECIMAL = range(11, 20)
MIN_KEY, MAX_KEY = 0xFF, 0x7F

ID = "000102030405060708090a0b"
UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
UUID_BASE64 = "ABEiM0RVZneImaq7zN3u/w=="
YEAR_1 = -62_135_596_800_000
YEAR_10000 = 253_402_300_800_000
LONG = 16 * 1024 * 1024 - 1024
"""Characters of a text that leaves a document just below MongoDB's 16 MB."""


@dataclass(frozen=True)
class Bson:
    """A value in BSON: the number of its type and its bytes; ``whole`` replaces the elements beside _id.

    ``kept`` says whether the tests' server stores it as it is; if not, the reader is given the bytes.
    """

    kind: int = 0
    value: bytes = b""
    kept: bool = True
    whole: bytes | None = None

    def document(self, number: int, column: str) -> bytes:
        """The document that holds the value as the field ``column``."""
        found = element(self.kind, column, self.value) if self.whole is None else self.whole
        return document(element(INT32, "_id", int32(number)), found)


def case(
    type_: str, value: str, given: Bson, expected: Any, *, lands: str = "VARIANT", note: str = ""
) -> Case:
    if not given.kept:
        note = f"{note} Given to the reader as BSON: the tests' server does not keep it.".strip()
    return Case(type_, value, lands, "equal", expected, note, given)


def aside(
    type_: str, value: str, given: Bson, reason: str, *, lands: str = "VARIANT", note: str = ""
) -> Case:
    if not given.kept:
        note = f"{note} Given to the reader as BSON: the tests' server does not keep it.".strip()
    return Case(type_, value, lands, "quarantined", reason, note, given)


def _doubles() -> Iterable[Case]:
    for value, written, note in (
        (0.1 + 0.2, "0.30000000000000004", ""),
        (7.0, "7.0", "Equal to the int 7: a VARIANT has one kind of number."),
        (-0.0, "-0.0", "Equal as a number; Snowflake's VARIANT need not keep the sign of a zero."),
        (5e-324, "5e-324", "The least there is."),
        (math.ldexp(1, 1023), "8.98846567431158e307", ""),
        (1.7976931348623157e308, "1.7976931348623157e308", "The greatest there is."),
        (2.0**53 + 2, "9007199254740994", ""),
        (1e22, "1e22", ""),
        (math.nan, '{"$numberDouble":"NaN"}', ""),
        (math.inf, '{"$numberDouble":"Infinity"}', ""),
        (-math.inf, '{"$numberDouble":"-Infinity"}', ""),
    ):
        yield case("double", repr(value), Bson(DOUBLE, double(value)), written, note=note)


def _strings() -> Iterable[Case]:
    control = "".join(map(chr, range(1, 32))) + "\x7f"
    escaped = '"' + "".join(f"\\u{ord(char):04x}" for char in control) + '"'
    yield case("string", "", Bson(STRING, text("")), '""', note="Not NULL.")
    yield case("string", "null", Bson(STRING, text("null")), '"null"')
    yield case("string", "🚲 é \u2028", Bson(STRING, text("🚲 é \u2028")), '"🚲 é \u2028"')
    yield case("string", "\"'\\/", Bson(STRING, text("\"'\\/")), '"\\"\'\\\\/"')
    yield case("string", control, Bson(STRING, text(control)), escaped)
    yield case("string", "\ufeff\uffff", Bson(STRING, text("\ufeff\uffff")), '"\\ufeff\\uffff"')
    yield case("string", f"{LONG:,} letters", Bson(STRING, text("x" * LONG)), f'"{"x" * LONG}"')
    yield aside("string", "a\0b", Bson(STRING, text("a\0b")), "\\u0000 has no place in a VARIANT")
    broken = Bson(STRING, text(b"a\xff"), kept=False)
    yield aside("string", "a, then the byte ff", broken, "may not be UTF-8")
    half = Bson(STRING, text(b"\xed\xa0\x80"), kept=False)
    yield aside("string", "half a surrogate pair (ed a0 80)", half, "may not be UTF-8")


def _objects() -> Iterable[Case]:
    def of(*elements: bytes, kept: bool = True) -> Bson:
        return Bson(OBJECT, document(*elements), kept)

    zero = int32(0)
    yield case("object", "{}", of(), "{}")
    dotted = of(element(INT32, "a.b", zero), element(INT32, "$x", zero), element(INT32, "", zero))
    yield case("object", 'keys "a.b", "$x" and ""', dotted, '{"a.b":0,"$x":0,"":0}')
    yield case(
        "object", "a key of 10,000 letters", of(element(INT32, "k" * 10_000, zero)), f'{{"{"k" * 10_000}":0}}'
    )
    yield case(
        "object",
        '{"$oid": "none"}',
        of(element(STRING, "$oid", text("none"))),
        '{"$oid":"none"}',
        note="Extended JSON writes such an object and the value it looks like the same way.",
    )
    twice = of(element(NULL, "a"), element(INT32, "a", zero), kept=False)
    yield aside("object", '{"a": null, "a": 0}', twice, "the key 'a' occurs twice")
    colon = of(element(NULL, "a"), element(STRING, "a", text(":")), kept=False)
    yield aside("object", '{"a": null, "a": ":"}', colon, "the key 'a' occurs twice")
    bad = of(element(INT32, b"\xff", zero), kept=False)
    yield aside("object", "a key of the byte ff", bad, "may not be UTF-8")
    deep = document()
    for _ in range(150):
        deep = document(element(OBJECT, "a", deep))
    expected = '{"a":' * 150 + "{}" + "}" * 150
    yield case("object", "151 objects deep", Bson(OBJECT, deep), expected)


def _arrays() -> Iterable[Case]:
    mixed = document(
        element(INT32, "0", int32(1)),
        element(STRING, "1", text("1")),
        element(NULL, "2"),
        element(ARRAY, "3", document(element(DOUBLE, "0", double(1.5)))),
        element(OBJECT, "4", document(element(BOOLEAN, "b", b"\1"))),
    )
    yield case("array", "of mixed types", Bson(ARRAY, mixed), '[1,"1",null,[1.5],{"b":true}]')
    yield case("array", "[]", Bson(ARRAY, document()), "[]")
    odd = document(element(INT32, "7", int32(1)), element(INT32, "x", int32(2)))
    given = Bson(ARRAY, odd, kept=False)
    yield case("array", 'of the keys "7" and "x"', given, "[1,2]", note="An array's keys are not part of it.")
    deep = document()
    for _ in range(150):
        deep = document(element(ARRAY, "0", deep))
    yield case("array", "151 arrays deep", Bson(ARRAY, deep), "[" * 151 + "]" * 151)
    many = document(*(element(INT32, str(n), int32(n)) for n in range(1000)))
    yield case("array", "of 1,000 numbers", Bson(ARRAY, many), str(list(range(1000))))


def _binaries() -> Iterable[Case]:
    for subtype, note in (
        (0, ""),
        (1, "A function."),
        (3, "A UUID of old drivers, whose order of bytes nobody tells."),
        (4, "A UUID."),
        (5, "MD5."),
        (6, "Encrypted."),
        (7, "A compressed column."),
        (8, "Sensitive."),
        (9, "A vector."),
        (0x80, "One's own."),
    ):
        written = f'{{"$binary":{{"base64":"{UUID_BASE64}","subType":"{subtype:02x}"}}}}'
        given = Bson(BINARY, binary(subtype, UUID.bytes))
        yield case(f"binary, subtype {subtype}", UUID.bytes.hex(), given, written, note=note)
    old = binary(2, int32(3) + b"abc")
    written = '{"$binary":{"base64":"YWJj","subType":"02"}}'
    yield case("binary, subtype 2", b"abc".hex(), Bson(BINARY, old), written)
    written = '{"$binary":{"base64":"","subType":"00"}}'
    yield case("binary, subtype 0", "", Bson(BINARY, binary(0, b"")), written)


def _dates() -> Iterable[Case]:
    for value, milliseconds, written in (
        ("1970-01-01T00:00:00Z", 0, '"1970-01-01T00:00:00Z"'),
        ("2024-02-29T23:59:59.999Z", 1_709_251_199_999, '"2024-02-29T23:59:59.999Z"'),
        ("1969-12-31T23:59:59.999Z", -1, '{"$numberLong":"-1"}'),
        ("1582-10-10T00:00:00Z", -12_219_724_800_000, '{"$numberLong":"-12219724800000"}'),
        ("0001-01-01T00:00:00Z", YEAR_1, '{"$numberLong":"-62135596800000"}'),
        ("9999-12-31T23:59:59.999Z", YEAR_10000 - 1, '"9999-12-31T23:59:59.999Z"'),
    ):
        yield case("date", value, Bson(DATE, int64(milliseconds)), f'{{"$date":{written}}}')
    before = Bson(DATE, int64(YEAR_1 - 1), kept=False)
    yield case(
        "date", "a millisecond before the year 1", before, '{"$date":{"$numberLong":"-62135596800001"}}'
    )
    after = Bson(DATE, int64(YEAR_10000), kept=False)
    yield case("date", "10000-01-01T00:00:00Z", after, '{"$date":"10000-01-01T00:00:00Z"}')
    least = Bson(DATE, int64(-(2**63)), kept=False)
    yield case("date", "-2^63 ms", least, '{"$date":{"$numberLong":"-9223372036854775808"}}')


def _numbers() -> Iterable[Case]:
    for number in (0, -1, 2**31 - 1, -(2**31)):
        yield case("int32", str(number), Bson(INT32, int32(number)), str(number))
    for number in (2**53 + 1, 2**63 - 1, -(2**63)):
        yield case("int64", str(number), Bson(INT64, int64(number)), str(number))
    for written in (
        "1234567890123456789012345678901234",
        "1.10",
        "-0",
        "0E+3",
        "1E-6176",
        "9.999999999999999999999999999999999E+6144",
        "NaN",
        "Infinity",
        "-Infinity",
    ):
        given = Bson(DECIMAL, Decimal128(written).bid)
        yield case("Decimal128", written, given, f'{{"$numberDecimal":"{written}"}}')


def _others() -> Iterable[Case]:
    absent, null, undefined = Bson(whole=b""), Bson(NULL), Bson(UNDEFINED, kept=False)
    yield case("missing", "no such field", absent, None, note="Missing in the document too.")
    yield case("null", "null", null, "null")
    yield case("undefined", "undefined", undefined, '{"$undefined":true}')
    for name, given in (("missing", absent), ("null", null), ("undefined", undefined)):
        yield case(name, "", given, None, lands="VARCHAR", note="NULL; the document tells them apart.")
    yield case("boolean", "true", Bson(BOOLEAN, b"\1"), "true")
    yield case("boolean", "false", Bson(BOOLEAN, b"\0"), "false")
    yield aside("boolean", "the byte 2", Bson(BOOLEAN, b"\2", kept=False), "no valid BSON")
    yield case("ObjectId", ID, Bson(OBJECT_ID, bytes.fromhex(ID)), f'{{"$oid":"{ID}"}}')
    given = Bson(REGEX, b'a"/\\d\0im\0')
    yield case("regex", 'a"/\\d, im', given, '{"$regularExpression":{"pattern":"a\\"/\\\\d","options":"im"}}')
    odd = Bson(REGEX, b"a\0izz\0", kept=False)
    yield aside("regex", "a, izz", odd, "has the options 'izz', which JSON would lose")
    pointer = Bson(POINTER, text("shop.items") + bytes.fromhex(ID), kept=False)
    written = f'{{"$dbPointer":{{"$ref":"shop.items","$id":{{"$oid":"{ID}"}}}}}}'
    yield case("DBPointer", f"shop.items {ID}", pointer, written)
    yield case("code", 'f("x")', Bson(CODE, text('f("x")')), '{"$code":"f(\\"x\\")"}')
    scope = document(element(INT32, "x", int32(1)))
    given = Bson(SCOPED, scoped_code("f()", scope))
    yield case("code with scope", "f(), {x: 1}", given, '{"$code":"f()","$scope":{"x":1}}')
    yield case("symbol", "s", Bson(SYMBOL, text("s"), kept=False), '{"$symbol":"s"}')
    most = 2**32 - 1
    written = f'{{"$timestamp":{{"t":{most},"i":{most}}}}}'
    yield case("timestamp", f"{most}, {most}", Bson(TIMESTAMP, timestamp(most, most)), written)
    yield case("minKey", "minKey", Bson(MIN_KEY), '{"$minKey":1}')
    yield case("maxKey", "maxKey", Bson(MAX_KEY), '{"$maxKey":1}')
    unknown = Bson(0x20, int32(0), kept=False)
    yield aside("a type BSON does not have", "type 32", unknown, "no valid BSON")


def _columns() -> Iterable[Case]:
    """Values taken out into a column of a declared type."""
    number, moment = "NUMBER(38,4)", "TIMESTAMP_TZ(6)"

    def of(given: Bson, value: str, lands: str, expected: Any, type_: str, note: str = "") -> Case:
        return case(type_, value, given, expected, lands=lands, note=note)

    money = Bson(DECIMAL, Decimal128("1.10").bid)
    yield of(money, "1.10", number, Decimal("1.1000"), "Decimal128")
    yield of(Bson(INT64, int64(2**63 - 1)), str(2**63 - 1), number, Decimal(2**63 - 1), "int64")
    yield of(
        Bson(DOUBLE, double(39.02)), "39.02", number, Decimal("39.0200"), "double", "Its shortest decimals."
    )
    five = Bson(DECIMAL, Decimal128("0.00001").bid)
    yield aside("Decimal128", "0.00001", five, "'0.00001' is not a NUMBER(38,4)", lands=number)
    nan = Bson(DECIMAL, Decimal128("NaN").bid)
    yield aside("Decimal128", "NaN", nan, "'NaN' is not a NUMBER(38,4)", lands=number)
    yield aside("string", "many", Bson(STRING, text("many")), "'many' is not a NUMBER(38,4)", lands=number)
    yield of(Bson(DOUBLE, double(math.inf)), "inf", "FLOAT", math.inf, "double")
    yield of(Bson(DOUBLE, double(5e-324)), "5e-324", "FLOAT", 5e-324, "double")
    large = Bson(INT64, int64(2**53 + 1))
    yield aside("int64", str(2**53 + 1), large, "would be rounded in a FLOAT", lands="FLOAT")
    tiny = Bson(DECIMAL, Decimal128("1E-400").bid)
    yield aside("Decimal128", "1E-400", tiny, "would be rounded in a FLOAT", lands="FLOAT")
    old = datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    yield of(Bson(DATE, int64(-1)), "1969-12-31T23:59:59.999Z", moment, old, "date")
    first = datetime(1, 1, 1, tzinfo=UTC)
    yield of(Bson(DATE, int64(YEAR_1)), "0001-01-01T00:00:00Z", moment, first, "date")
    for value, milliseconds in (
        ("10000-01-01T00:00:00Z", YEAR_10000),
        ("2^63-1 ms", 2**63 - 1),
        ("a millisecond before the year 1", YEAR_1 - 1),
    ):
        outside = Bson(DATE, int64(milliseconds), kept=False)
        yield aside("date", value, outside, "is not a TIMESTAMP_TZ(6)", lands=moment)
    yield of(Bson(DATE, int64(951_782_400_000)), "2000-02-29T00:00:00Z", "DATE", date(2000, 2, 29), "date")
    noon = Bson(DATE, int64(951_825_600_000))
    yield aside("date", "2000-02-29T12:00:00Z", noon, "is not a DATE", lands="DATE")
    yield of(Bson(OBJECT_ID, bytes.fromhex(ID)), ID, "VARCHAR", ID, "ObjectId")
    given = Bson(BINARY, binary(4, UUID.bytes))
    yield of(given, str(UUID), "VARCHAR", str(UUID), "binary, subtype 4")
    yield of(given, UUID.bytes.hex(), "BINARY", bytearray(UUID.bytes), "binary, subtype 4")
    legacy = Bson(BINARY, binary(3, UUID.bytes))
    yield of(legacy, UUID.bytes.hex(), "VARCHAR", UUID.bytes.hex(), "binary, subtype 3", "Not a UUID's text.")
    yield aside("object", "{}", Bson(OBJECT, document()), "holds an object", lands="VARCHAR")
    yield aside("array", "[]", Bson(ARRAY, document()), "holds a list", lands="VARCHAR")


CASES: tuple[Case, ...] = tuple(
    one
    for some in (_doubles, _strings, _objects, _arrays, _binaries, _dates, _numbers, _others, _columns)
    for one in some()
)
