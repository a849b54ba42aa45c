"""Values of MySQL and MariaDB at the ends of every type, and what becomes of each."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.values.case import Case


def _equal(type_: str, value: str, lands: str, expected: Any, note: str = "") -> Case:
    return Case(type_, value, lands, "equal", expected, note)


def _aside(type_: str, value: str, lands: str, reason: str, note: str = "") -> Case:
    return Case(type_, value, lands, "quarantined", reason, note)


def _text(type_: str, value: str, expected: str, note: str = "") -> Case:
    return _equal(type_, value, "VARCHAR", expected, note)


def _json(value: str, expected: str, note: str = "") -> Case:
    return _equal("json", value, "VARIANT", expected, note)


def _binary(type_: str, value: str, expected: bytes, note: str = "") -> Case:
    return _equal(type_, value, "BINARY", bytearray(expected), note)


def _single(value: float) -> float:
    """The double that equals the nearest single."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


SHORTEST = "The double that equals the single: 0.10000000149011612."
PADDED = "The server takes the blanks away, and says so in its documentation."
KEPT_AS = "As the server keeps it: the SRID, then WKB."
EARLY = "Snowflake's documentation advises against years before 1582."

NUMBERS = [
    _equal("tinyint", "-128", "NUMBER(3,0)", -128),
    _equal("tinyint unsigned", "255", "NUMBER(3,0)", 255),
    _equal("tinyint(1)", "2", "NUMBER(3,0)", 2, "A number, since it holds more than true and false."),
    _equal("smallint", "-32768", "NUMBER(5,0)", -32768),
    _equal("smallint unsigned", "65535", "NUMBER(5,0)", 65535),
    _equal("mediumint", "-8388608", "NUMBER(10,0)", -8388608),
    _equal("mediumint unsigned", "16777215", "NUMBER(10,0)", 16777215),
    _equal("int", "-2147483648", "NUMBER(10,0)", -(2**31)),
    _equal("int unsigned", "4294967295", "NUMBER(10,0)", 2**32 - 1),
    _equal("int(7) zerofill", "42", "NUMBER(10,0)", 42, "Zeros before a number are its display alone."),
    _equal("bigint", "-9223372036854775808", "NUMBER(19,0)", -(2**63)),
    _equal("bigint", "9223372036854775807", "NUMBER(19,0)", 2**63 - 1),
    _equal("bigint unsigned", "18446744073709551615", "NUMBER(20,0)", 2**64 - 1),
    _equal("bit(1)", "b'1'", "NUMBER(20,0)", 1),
    _equal("bit(64)", "0xffffffffffffffff", "NUMBER(20,0)", 2**64 - 1),
    _equal("decimal(10,2)", "-99999999.99", "NUMBER(10,2)", Decimal("-99999999.99")),
    _equal("decimal(37,0)", "9" * 37, "NUMBER(37,0)", 10**37 - 1),
    _equal("decimal(38,10)", f"-{'9' * 28}.{'9' * 10}", "NUMBER(38,10)", Decimal(f"-{'9' * 28}.{'9' * 10}")),
    _text("decimal(65,30)", f"{'9' * 35}.{'8' * 30}", f"{'9' * 35}.{'8' * 30}", "Over 38 digits: text."),
    _text("decimal(65,30)", "1.1", f"1.1{'0' * 29}"),
    _equal("float", "0.1", "FLOAT", _single(0.1), SHORTEST),
    _equal("float", "16777215", "FLOAT", 16777215.0, "The server's own text would be 16777200."),
    _equal("float", "-3.4028234e38", "FLOAT", -_single(3.4028234e38)),
    _equal("float", "1.1754944e-38", "FLOAT", _single(1.1754944e-38)),
    _equal("double", "0.1e0 + 0.2e0", "FLOAT", 0.30000000000000004),
    _equal("double", "1.7976931348623157e308", "FLOAT", 1.7976931348623157e308),
    _equal("double", "5e-324", "FLOAT", 5e-324),
    _equal("double", "-0e0", "FLOAT", 0.0, "The server keeps no zero below zero."),
    _equal("year", "'0000'", "NUMBER(5,0)", 0),
    _equal("year", "1901", "NUMBER(5,0)", 1901),
    _equal("year", "2155", "NUMBER(5,0)", 2155),
]

TEXTS = [
    _text("varchar(40)", "''", "", "Not NULL."),
    _text("varchar(40)", "'ab  '", "ab  "),
    _text("varchar(40)", r"'\\N'", r"\N"),
    _text("varchar(40)", r"'a\tb\r\n\0\'\"\\'", "a\tb\r\n\0'\"\\", "With the character of code zero."),
    _text("varchar(40)", "'😀 👩‍👩‍👧 é'", "😀 👩‍👩‍👧 é"),
    _text("char(4)", "'ab  '", "ab", PADDED),
    _text("tinytext", "'é'", "é"),
    _text("longtext", "repeat('é', 1048576)", "é" * 1_048_576),
    _text("varchar(40) character set latin1", "'é€ÿ'", "é€ÿ"),
    _text("varchar(40) character set cp1251", "'Жд'", "Жд"),
    _text("varchar(40) character set sjis", "'表ｱ'", "表ｱ"),
    _text("varchar(40) character set utf16", "'😀é'", "😀é"),
    _text("varchar(40) character set utf8mb3", "'ж'", "ж"),
    _text("varchar(40) character set latin1 collate latin1_bin", "'É'", "É"),
    _text("enum('a','it''s ö')", "'it''s ö'", "it's ö"),
    _text(
        "enum('a','it''s ö')", "'no such'", "", "What the server keeps for a value that is none of its own."
    ),
    _text("set('x','y','ö')", "'ö,x'", "x,ö"),
    _text("set('x','y','ö')", "''", ""),
    _binary("binary(4)", "0x00ff", b"\x00\xff\x00\x00", "Padded by the server."),
    _binary("varbinary(40)", "0x00c328ff5c", b"\x00\xc3\x28\xff\x5c"),
    _binary("blob", "''", b""),
    _binary("longblob", "repeat(0x00ff, 524288)", b"\x00\xff" * 524_288),
    _text("uuid", "'5EB63BBB-E01E-EED0-93CB-22BB8F5ACDC3'", "5eb63bbb-e01e-eed0-93cb-22bb8f5acdc3"),
    _text("inet6", "'::ffff:10.0.0.1'", "::ffff:10.0.0.1"),
    _text("inet4", "'255.255.255.255'", "255.255.255.255"),
]

TIMES = [
    _equal("date", "'0001-01-01'", "DATE", date(1, 1, 1), EARLY),
    _equal("date", "'1000-01-01'", "DATE", date(1000, 1, 1)),
    _equal("date", "'9999-12-31'", "DATE", date(9999, 12, 31)),
    _aside("date", "'0000-00-00'", "DATE", "'0000-00-00' is not a DATE"),
    _aside("date", "'2024-00-15'", "DATE", "'2024-00-15' is not a DATE"),
    _aside("date", "'2024-05-00'", "DATE", "'2024-05-00' is not a DATE"),
    _aside("date", "'2024-02-31'", "DATE", "'2024-02-31' is not a DATE", "With ALLOW_INVALID_DATES."),
    _aside("date", "'0000-01-01'", "DATE", "0001-01-01 BC is outside the years 1 to 9999"),
    _equal("datetime", "'1000-01-01 00:00:00'", "TIMESTAMP_NTZ(6)", datetime(1000, 1, 1)),
    _equal("datetime", "'1969-12-31 23:59:59'", "TIMESTAMP_NTZ(6)", datetime(1969, 12, 31, 23, 59, 59)),
    _aside("datetime", "'0000-00-00 00:00:00'", "TIMESTAMP_NTZ(6)", "is not a TIMESTAMP_NTZ"),
    _equal(
        "datetime(3)", "'2013-03-10 02:30:00.001'", "TIMESTAMP_NTZ(6)", datetime(2013, 3, 10, 2, 30, 0, 1000)
    ),
    _equal("datetime(6)", "'0001-01-01 00:00:00.000001'", "TIMESTAMP_NTZ(6)", datetime(1, 1, 1, 0, 0, 0, 1)),
    _equal(
        "datetime(6)",
        "'9999-12-31 23:59:59.999999'",
        "TIMESTAMP_NTZ(6)",
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ),
    _aside("datetime(6)", "'2024-05-00 10:11:12.5'", "TIMESTAMP_NTZ(6)", "is not a TIMESTAMP_NTZ"),
    _equal(
        "timestamp null",
        "'1970-01-01 00:00:01'",
        "TIMESTAMP_TZ(6)",
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    ),
    _aside("timestamp null", "0", "TIMESTAMP_TZ(6)", "'0000-00-00 00:00:00' is not a TIMESTAMP_TZ"),
    _equal(
        "timestamp(6) null",
        "'2038-01-19 03:14:07.999999'",
        "TIMESTAMP_TZ(6)",
        datetime(2038, 1, 19, 3, 14, 7, 999_999, UTC),
    ),
    _text(
        "time", "'-838:59:59'", "-838:59:59", "Text: the type holds spans of time as well as times of a day."
    ),
    _text("time", "'00:00:00'", "00:00:00"),
    _text("time(6)", "'838:59:59'", "838:59:59.000000"),
    _text("time(6)", "'-00:00:00.000001'", "-00:00:00.000001"),
]

OTHERS = [
    _json("""'{"a": 1.10, "b": [null, true, "é 😀"]}'""", '{"a": 1.1, "b": [null, true, "é 😀"]}'),
    _json("'null'", "null", "JSON's null, not SQL's."),
    _json("'1e5'", "100000"),
    _json(f"'{'9' * 38}'", "9" * 38),
    _json("'18446744073709551615'", "18446744073709551615"),
    _aside("json", """'{"a": 1, "a": 2}'""", "VARIANT", "the key 'a' occurs twice"),
    _aside("json", "'[1e400]'", "VARIANT", "would be rounded"),
    _aside("json", f"'0.{'3' * 39}'", "VARIANT", "would be rounded"),
    _aside("json", r"""'"\\u0000"'""", "VARIANT", "the character \\u0000 has no place"),
    _binary(
        "point",
        "ST_GeomFromText('POINT(0.1 -73.77892500000001)', 4326)",
        struct.pack("<IBIdd", 4326, 1, 1, 0.1, -73.77892500000001),
        KEPT_AS,
    ),
    _binary(
        "geometry",
        "ST_GeomFromText('LINESTRING(0 0,1e300 1)')",
        struct.pack("<IBIIdddd", 0, 1, 2, 2, 0, 0, 1e300, 1),
        KEPT_AS,
    ),
    _equal("int invisible", "7", "NUMBER(10,0)", 7, "Not in `SELECT *`, yet a column."),
    Case(
        "bigint generated",
        "9007199254740993",
        "NUMBER(19,0)",
        "equal",
        9_007_199_254_740_993,
        given="bigint as (if(id = {number}, 9007199254740993, null)) virtual",
    ),
    Case(
        "varchar(9) generated stored",
        "'é'",
        "VARCHAR",
        "equal",
        "é",
        given="varchar(9) as (if(id = {number}, 'é', null)) stored",
    ),
]

CASES = [*NUMBERS, *TEXTS, *TIMES, *OTHERS]
