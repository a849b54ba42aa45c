"""Values of PostgreSQL at the ends of every built-in type, and what becomes of each."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from tests.values.case import Case

TYPES = """
create type mood as enum ('sad', 'it''s "ok", é');
create type pair as (x int, "y z" text);
create domain price as numeric(8, 2) check (value >= 0);
create domain tags as text[];
create extension hstore; create extension citext; create extension vector
"""
"""Types that are not built in."""


def _equal(type_: str, value: str, lands: str, expected: Any, note: str = "") -> Case:
    return Case(type_, value, lands, "equal", expected, note)


def _aside(type_: str, value: str, lands: str, reason: str, note: str = "") -> Case:
    return Case(type_, value, lands, "quarantined", reason, note)


def _text(type_: str, value: str, expected: str, note: str = "") -> Case:
    return _equal(type_, value, "VARCHAR", expected, note)


def _json(type_: str, value: str, expected: str, note: str = "") -> Case:
    return _equal(type_, value, "VARIANT", expected, note)


def _single(value: float) -> float:
    """The double that equals the nearest single."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


OUTSIDE = "outside the years 1 to 9999"
ROUNDED = "would be rounded"
EARLY = "Snowflake's documentation advises against years before 1582."
SHORTEST = "The double that equals the single: 0.10000000149011612."
AS_JSON = "As PostgreSQL's `to_json` writes it."

NUMBERS = [
    _equal("boolean", "true", "BOOLEAN", True),
    _equal("boolean", "false", "BOOLEAN", False),
    _equal("smallint", "-32768", "NUMBER(5,0)", -(2**15)),
    _equal("smallint", "32767", "NUMBER(5,0)", 2**15 - 1),
    _equal("integer", "-2147483648", "NUMBER(10,0)", -(2**31)),
    _equal("integer", "2147483647", "NUMBER(10,0)", 2**31 - 1),
    _equal("bigint", "'-9223372036854775808'", "NUMBER(19,0)", -(2**63)),
    _equal("bigint", "9223372036854775807", "NUMBER(19,0)", 2**63 - 1),
    _equal("numeric(10,2)", "99999999.99", "NUMBER(10,2)", Decimal("99999999.99")),
    _equal("numeric(10,2)", "'-0'", "NUMBER(10,2)", Decimal("0.00"), "numeric has no zero below zero."),
    _aside("numeric(10,2)", "'NaN'", "NUMBER(10,2)", "is not a NUMBER(10,2)"),
    _equal("numeric(37,0)", f"-{'9' * 37}", "NUMBER(37,0)", -(10**37) + 1),
    _equal(
        "numeric(38,0)",
        f"{2**63 - 1}",
        "NUMBER(38,0)",
        2**63 - 1,
        "More than 64 bits of it are an error in the local Snowflake.",
    ),
    _equal("numeric(38,10)", f"{'9' * 28}.{'9' * 10}", "NUMBER(38,10)", Decimal(f"{'9' * 28}.{'9' * 10}")),
    _equal("numeric(38,38)", f"0.{'1' * 38}", "NUMBER(38,38)", Decimal(f"0.{'1' * 38}")),
    _equal("numeric(3,-2)", "12345", "NUMBER(5,0)", 12300, "Rounded by the column, in the source."),
    _equal("numeric(2,4)", "0.0012", "NUMBER(4,4)", Decimal("0.0012")),
    _text("numeric(39,0)", "9" * 39, "9" * 39, "More digits than a NUMBER has: text."),
    _text("numeric", "'NaN'", "NaN"),
    _text("numeric", "'Infinity'", "Infinity"),
    _text("numeric", "'-Infinity'", "-Infinity"),
    _text("numeric", "1.10", "1.10", "Without a bound: text, with its trailing zero."),
    _text("numeric", "'1e131071'", "1" + "0" * 131_071),
    _text("numeric", "'1e-16383'", "0." + "0" * 16_382 + "1"),
    _equal("real", "0.1", "FLOAT", _single(0.1), SHORTEST),
    _equal("real", "'3.4028235e38'", "FLOAT", _single(3.4028235e38)),
    _equal("real", "'1e-45'", "FLOAT", _single(1e-45)),
    _equal("real", "'NaN'", "FLOAT", float("nan")),
    _equal("real", "'-Infinity'", "FLOAT", float("-inf")),
    _equal("double precision", "0.1::float8 + 0.2::float8", "FLOAT", 0.30000000000000004),
    _equal("double precision", "1.7976931348623157e308", "FLOAT", 1.7976931348623157e308),
    _equal("double precision", "5e-324", "FLOAT", 5e-324),
    _equal("double precision", "'-0'", "FLOAT", -0.0),
    _equal("double precision", "'NaN'", "FLOAT", float("nan")),
    _equal("double precision", "'Infinity'", "FLOAT", float("inf")),
    _equal("money", "'-92233720368547758.08'", "NUMBER(22,3)", Decimal("-92233720368547758.080")),
    _equal("oid", "4294967295", "NUMBER(19,0)", 2**32 - 1),
]

TEXTS = [
    _text("text", "''", "", "Not NULL."),
    _text("text", "'   '", "   "),
    _text("text", r"'\N'", r"\N"),
    _text("text", "'NULL'", "NULL"),
    _text("text", r"E'a\tb\r\n\\\x01'", "a\tb\r\n\\\x01"),
    _text("text", "'😀 👩‍👩‍👧 🇳🇿'", "😀 👩‍👩‍👧 🇳🇿"),
    _text("text", r"U&'e\0301 \00E9 \FFFE\+10FFFF'", "e\u0301 é \ufffe\U0010ffff", "Not normalised."),
    _text("text", "repeat('é', 1048576)", "é" * 1_048_576),
    _aside("text", "repeat('x', 16777217)", "VARCHAR", "16,777,217 bytes are more than a VARCHAR holds"),
    _text("varchar(5)", "'ab  '", "ab  "),
    _text("char(4)", "'ab'", "ab  ", "With its blanks, as the source keeps it."),
    _text('"char"', "'x'", "x"),
    _text("name", "'a\"b''c'", "a\"b'c"),
    _text("citext", "'ÀbC'", "ÀbC"),
    _text("mood", "'it''s \"ok\", é'", 'it\'s "ok", é'),
    _equal("bytea", "''", "BINARY", bytearray(b"")),
    _equal("bytea", r"'\x00ff5c'", "BINARY", bytearray(b"\x00\xff\\")),
    _equal("bytea", r"decode(repeat('00ff', 524288), 'hex')", "BINARY", bytearray(b"\x00\xff" * 524_288)),
    _aside(
        "bytea",
        "decode(repeat('00', 8388609), 'hex')",
        "BINARY",
        "8,388,609 bytes are more than a BINARY holds",
    ),
    _text("uuid", "'5EB63BBB-E01E-EED0-93CB-22BB8F5ACDC3'", "5eb63bbb-e01e-eed0-93cb-22bb8f5acdc3"),
]

TIMES = [
    _equal("date", "'0001-01-01'", "DATE", date(1, 1, 1), EARLY),
    _equal("date", "'1582-10-10'", "DATE", date(1582, 10, 10), "A day of the Gregorian calendar alone."),
    _equal("date", "'9999-12-31'", "DATE", date(9999, 12, 31)),
    _aside("date", "'10000-01-01'", "DATE", OUTSIDE),
    _aside("date", "'5874897-12-31'", "DATE", OUTSIDE),
    _aside("date", "'0001-12-31 BC'", "DATE", OUTSIDE),
    _aside("date", "'4713-01-01 BC'", "DATE", OUTSIDE),
    _aside("date", "'infinity'", "DATE", "infinity is outside"),
    _aside("date", "'-infinity'", "DATE", "-infinity is outside"),
    _equal("time", "'00:00'", "TIME(6)", time(0)),
    _equal("time", "'23:59:59.999999'", "TIME(6)", time(23, 59, 59, 999_999)),
    _aside("time", "'24:00'", "TIME(6)", "86400000000 us after midnight is no time of a day"),
    _text("time with time zone", "'24:00:00-15:59'", "24:00:00-15:59"),
    _text("time with time zone", "'12:00:00.000001+05:30'", "12:00:00.000001+05:30"),
    _equal("timestamp", "'0001-01-01 00:00'", "TIMESTAMP_NTZ(6)", datetime(1, 1, 1), EARLY),
    _equal("timestamp", "'1582-10-10 12:00'", "TIMESTAMP_NTZ(6)", datetime(1582, 10, 10, 12)),
    _equal(
        "timestamp",
        "'1969-12-31 23:59:59.999999'",
        "TIMESTAMP_NTZ(6)",
        datetime(1969, 12, 31, 23, 59, 59, 999_999),
    ),
    _equal(
        "timestamp",
        "'9999-12-31 23:59:59.999999'",
        "TIMESTAMP_NTZ(6)",
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ),
    _aside("timestamp", "'10000-01-01'", "TIMESTAMP_NTZ(6)", OUTSIDE),
    _aside("timestamp", "'294276-12-31 23:59:59.999999'", "TIMESTAMP_NTZ(6)", OUTSIDE),
    _aside("timestamp", "'4713-01-01 BC'", "TIMESTAMP_NTZ(6)", OUTSIDE),
    _aside("timestamp", "'infinity'", "TIMESTAMP_NTZ(6)", "infinity is outside"),
    _aside("timestamp", "'-infinity'", "TIMESTAMP_NTZ(6)", "-infinity is outside"),
    _equal(
        "timestamp with time zone",
        "'2013-11-03 01:30:00.000001-04'",
        "TIMESTAMP_TZ(6)",
        datetime(2013, 11, 3, 5, 30, 0, 1, UTC),
        "The instant, in UTC: the source keeps no offset.",
    ),
    _equal(
        "timestamp with time zone",
        "'10000-01-01 00:00:00+14'",
        "TIMESTAMP_TZ(6)",
        datetime(9999, 12, 31, 10, tzinfo=UTC),
    ),
    _equal(
        "timestamp with time zone", "'0001-01-01 00:00+00'", "TIMESTAMP_TZ(6)", datetime(1, 1, 1, tzinfo=UTC)
    ),
    _aside("timestamp with time zone", "'0001-01-01 00:00+01'", "TIMESTAMP_TZ(6)", OUTSIDE),
    _aside("timestamp with time zone", "'-infinity'", "TIMESTAMP_TZ(6)", "-infinity is outside"),
    _text("interval", "'1 year 2 mons -3 days 04:05:06.7'", "P1Y2M-3DT4H5M6.7S"),
    _text("interval", "'-1 mon +1 day -0.000001 s'", "P-1M1DT-0.000001S"),
    _text("interval", "'178000000 years'", "P178000000Y"),
    _text("interval", "'0'", "PT0S"),
    _text("interval", "'infinity'", "infinity"),
]

DOCUMENTS = [
    _json("json", """'{"a": 1.10, "b": [null, true, "é"]}'""", '{"a": 1.1, "b": [null, true, "é"]}'),
    _json("json", "'null'", "null", "JSON's null, not SQL's."),
    _json("json", "'1e5'", "100000"),
    _json("json", f"'{'9' * 38}'", "9" * 38),
    _json("json", r"""'"\u00e9 \ud83d\ude00 \n"'""", '"é 😀 \\n"'),
    _aside("json", f"'{'9' * 39}'", "VARIANT", ROUNDED),
    _aside("json", "'[1e400]'", "VARIANT", ROUNDED),
    _aside("json", """'{"a": 1, "a": 2}'""", "VARIANT", "the key 'a' occurs twice"),
    _aside("json", r"""'"\u0000"'""", "VARIANT", "the character \\u0000 has no place"),
    _aside("json", r"""'"\ud800"'""", "VARIANT", "half of a surrogate pair"),
    _json("jsonb", "'1.10'", "1.1"),
    _json("jsonb", "'-0.0000001'", "-0.0000001"),
    _json("jsonb", "'0.1234567890123456789012345678901234567'", "0.1234567890123456789012345678901234567"),
    _json("jsonb", """'{"": {"x y": []}, "b": {}}'""", '{"": {"x y": []}, "b": {}}'),
    _aside("jsonb", "'1e400'", "VARIANT", ROUNDED),
    _aside("jsonb", f"'0.{'3' * 39}'", "VARIANT", ROUNDED),
    _json("integer[]", "'{1,NULL,-3}'", "[1, null, -3]"),
    _json("integer[]", "'{}'", "[]"),
    _json("integer[]", "'{{1,2},{3,4}}'", "[[1, 2], [3, 4]]"),
    _aside("integer[]", "'[0:2]={1,2,3}'", "VARIANT", "an index that does not begin at 1"),
    _aside("integer[]", "'[1:1][-2:-1]={{1,2}}'", "VARIANT", "an index that does not begin at 1"),
    _json("text[]", r"""'{"a,b","c\"d\\",NULL,"NULL",""}'""", '["a,b", "c\\"d\\\\", null, "NULL", ""]'),
    _json("numeric[]", "'{1.10,NaN}'", '[1.1, "NaN"]', AS_JSON),
    _aside("numeric[]", f"'{{0.{'3' * 39}}}'", "VARIANT", ROUNDED),
    _json("bytea[]", r"""array['\x0aff'::bytea]""", '["\\\\x0aff"]', AS_JSON),
    _json("timestamp[]", "'{infinity,2013-03-10 02:30}'", '["infinity", "2013-03-10T02:30:00"]', AS_JSON),
    _json("pair", """row(1, 'q"')""", '{"x": 1, "y z": "q\\""}'),
    _json("pair[]", "array[row(2, null)::pair]", '[{"x": 2, "y z": null}]'),
    _json("tags", "'{x}'", '["x"]', "A domain over text[]."),
    _equal("price", "100.10", "NUMBER(8,2)", Decimal("100.10"), "A domain over numeric(8, 2)."),
]

OTHERS = [
    _text("inet", "'10.1.2.3/8'", "10.1.2.3/8"),
    _text("inet", "'::ffff:1.2.3.4'", "::ffff:1.2.3.4"),
    _text("cidr", "'2001:db8::/32'", "2001:db8::/32"),
    _text("macaddr", "'08-00-2b-01-02-03'", "08:00:2b:01:02:03"),
    _text("macaddr8", "'08:00:2b:01:02:03:04:05'", "08:00:2b:01:02:03:04:05"),
    _text("bit(70)", "repeat('10', 35)::bit(70)", "10" * 35),
    _text("bit varying", "''", ""),
    _text("int4range", "'[1,5)'", "[1,5)"),
    _text("int4range", "'empty'", "empty"),
    _text("numrange", "'(,5.50]'", "(,5.50]"),
    _text("daterange", "'[2013-01-02,infinity)'", "[2013-01-02,infinity)"),
    _text("tstzrange", "'[2013-11-03 01:30-04,)'", '["2013-11-03 05:30:00+00",)'),
    _text("int8multirange", "'{[1,3),[5,9)}'", "{[1,3),[5,9)}"),
    _text("point", "'(0.1,-1e300)'", "(0.1,-1e+300)"),
    _text("line", "'{1,2,3}'", "{1,2,3}"),
    _text("lseg", "'[(0,0),(1,1)]'", "[(0,0),(1,1)]"),
    _text("box", "'(1,1),(0,0)'", "(1,1),(0,0)"),
    _text("path", "'[(0,0),(1,1)]'", "[(0,0),(1,1)]"),
    _text("polygon", "'((0,0),(1,1),(1,0))'", "((0,0),(1,1),(1,0))"),
    _text("circle", "'<(0,0),5>'", "<(0,0),5>"),
    _text("tsvector", "'a:1A fat:2B,4C'", "'a':1A 'fat':2B,4C"),
    _text("tsquery", "'fat & !rat:AB'", "'fat' & !'rat':AB"),
    _text("jsonpath", "'$.a[*] ? (@ > 1)'", '$."a"[*]?(@ > 1)'),
    _text("pg_lsn", "'16/B374D848'", "16/B374D848"),
    _text("regclass", "'pg_class'", "pg_class"),
    _text("tid", "'(4294967294,65535)'", "(4294967294,65535)"),
    _text("xid8", "'18446744073709551615'", "18446744073709551615"),
    _text("pg_snapshot", "'10:20:10,14'", "10:20:10,14"),
    _text("hstore", """'a=>1, "b c"=>NULL, "q"=>"\\""'""", '"a"=>"1", "q"=>"\\"", "b c"=>NULL'),
    _text("vector(3)", "'[0.1,-2,1e-30]'", "[0.1,-2,1e-30]"),
]

CASES = [*NUMBERS, *TEXTS, *TIMES, *DOCUMENTS, *OTHERS]
