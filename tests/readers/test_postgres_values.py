"""The hostile table: every value arrives exactly, or its row is set aside with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from include.headrace.demo.postgres_server import PostgresServer
from tests.support.reading import postgres_reader, read

Sql = Callable[..., Any]


def test_ordinary_types_keep_value_and_type(sql: Sql) -> None:
    sql("""
        create table items (b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(12, 3),
            t text, v varchar(5), c char(4), raw bytea, d date, ti time, ts timestamp, tz timestamptz);
        insert into items values (true, -32768, 2147483647, -9223372036854775808, 0.5, 1e300, 123456789.125,
            E'a\\tb\\n"c", é', 'abcde', 'ab', '\\x00ff', '2013-03-10', '23:59:59.999999',
            '2013-03-10 02:30:00.000001', '2013-11-03 01:30:00.5-04');
        insert into items default values
    """)
    found = read(postgres_reader("shop_postgres", "items"))
    assert found.rows == [
        {
            "b": True,
            "i2": -32768,
            "i4": 2147483647,
            "i8": -9223372036854775808,
            "f4": 0.5,
            "f8": 1e300,
            "n": Decimal("123456789.125"),
            "t": 'a\tb\n"c", é',
            "v": "abcde",
            "c": "ab  ",
            "raw": b"\x00\xff",
            "d": date(2013, 3, 10),
            "ti": time(23, 59, 59, 999999),
            "ts": datetime(2013, 3, 10, 2, 30, 0, 1),
            "tz": datetime(2013, 11, 3, 5, 30, 0, 500000, tzinfo=UTC),
        },
        dict.fromkeys(found.table.schema.names),
    ]
    assert found.rejected == []
    schema = found.table.schema
    assert [str(kind) for kind in schema.types] == [
        "bool", "int16", "int32", "int64", "float", "double", "decimal128(12, 3)", "string", "string",
        "string", "binary", "date32[day]", "time64[us]", "timestamp[us]", "timestamp[us, tz=UTC]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "reason", "recorded"),
    [
        ("numeric(10, 2)", "NaN", "a: 'NaN' is not a NUMBER(10,2)", "NaN"),
        ("timestamp", "infinity", "outside the years 1 to 9999", "infinity"),
        ("timestamptz", "-infinity", "outside the years 1 to 9999", "-infinity"),
        ("date", "infinity", "outside the years 1 to 9999", "infinity"),
        ("date", "-infinity", "outside the years 1 to 9999", "-infinity"),
        ("date", "4713-01-01 BC", "4713-01-01 BC is outside", "4713-01-01 BC"),
        ("timestamp", "10000-01-01", "10000-01-01 00:00:00.000000 is outside", "10000-01-01 00:00:00.000000"),
        (
            "timestamptz",
            "0001-12-31 23:00-00 BC",
            "0001-12-31 23:00:00.000000 BC is",
            "0001-12-31 23:00:00.000000 BC",
        ),
        ("time", "24:00", "is no time of a day", "86400000000 us after midnight"),
        ("json", '{"a": 1, "a": 2}', "the key 'a' occurs twice", '{"a": 1, "a": 2}'),
        ("json", "[1.2345678901234567890e5]", "would be rounded", "[1.2345678901234567890e5]"),
        ("jsonb", "1e400", "would be rounded", "1" + "0" * 400),
        ("jsonb", "0." + "3" * 39, "would be rounded", "0." + "3" * 39),
        ("numeric[]", "{0." + "3" * 39 + "}", "would be rounded", "[0." + "3" * 39 + "]"),
    ],
)
def test_a_value_that_cannot_be_carried_sets_its_row_aside(
    sql: Sql, column: str, value: str, reason: str, recorded: str
) -> None:
    sql(f"create table items (id int primary key, a {column})")
    sql("insert into items values (1, null), (7, %s), (9, null)", (value,))
    found = read(postgres_reader("shop_postgres", "items", primary_key=("id",)))
    assert found.rows == [{"id": 1, "a": None}, {"id": 9, "a": None}]
    (rejected,) = found.rejected
    assert rejected.position == "public.items id=7"
    assert reason in rejected.reason
    assert json.loads(rejected.record) == {"id": "7", "a": recorded}
    assert found.extracted == 3


def test_two_faults_of_one_row_are_both_told(sql: Sql) -> None:
    sql("create table items (n numeric(5, 1), d date); insert into items values ('NaN', 'infinity')")
    (rejected,) = read(postgres_reader("shop_postgres", "items")).rejected
    assert rejected.position == "public.items row 1"
    assert "NUMBER(5,1)" in rejected.reason
    assert "d: infinity" in rejected.reason


def test_json_lands_as_variant_text_unchanged(sql: Sql) -> None:
    texts = ['{"a": 1.10, "b": [null, true, "\\u00e9 \\" e5 1e999"]}', "null", '"text"', "1e5", '{"1": {}}']
    sql("create table items (id serial, j json, jb jsonb)")
    for text in texts:
        sql("insert into items (j, jb) values (%s, %s)", (text, text))
    found = read(postgres_reader("shop_postgres", "items"))
    assert found.table.column("j").to_pylist() == texts
    assert found.table.column("jb").to_pylist() == [
        '{"a": 1.10, "b": [null, true, "é \\" e5 1e999"]}', "null", '"text"', "100000", '{"1": {}}',
    ]  # fmt: skip
    assert found.landing("j") == found.landing("jb") == "VARIANT"


def test_arrays_and_composites_land_as_json(sql: Sql) -> None:
    sql("""
        create type point3 as (x int, "y z" text);
        create table items (a int[], t text[], p point3, ps point3[], nested int[][]);
        insert into items values ('{1,null,3}', '{"a,b","c\\"d"}', row(1, 'q'), array[row(2, null)::point3],
            '{{1,2},{3,4}}'), (null, '{}', null, null, null)
    """)
    found = read(postgres_reader("shop_postgres", "items"))
    parsed = [{name: value and json.loads(value) for name, value in row.items()} for row in found.rows]
    assert parsed == [
        {
            "a": [1, None, 3],
            "t": ["a,b", 'c"d'],
            "p": {"x": 1, "y z": "q"},
            "ps": [{"x": 2, "y z": None}],
            "nested": [[1, 2], [3, 4]],
        },
        {"a": None, "t": [], "p": None, "ps": None, "nested": None},
    ]
    assert {found.landing(name) for name in found.table.schema.names} == {"VARIANT"}


def test_domains_are_seen_as_their_base_types(sql: Sql) -> None:
    sql("""
        create domain price as numeric(8, 2); create domain dear as price check (value > 100);
        create domain code as uuid; create domain doc as jsonb; create domain tags as text[];
        create table items (p dear, c code, j doc, g tags);
        insert into items values (100.10, '5eb63bbb-e01e-eed0-93cb-22bb8f5acdc3', '{"a": 1}', '{x}')
    """)
    found = read(postgres_reader("shop_postgres", "items"))
    assert found.rows == [
        {"p": Decimal("100.10"), "c": "5eb63bbb-e01e-eed0-93cb-22bb8f5acdc3", "j": '{"a": 1}', "g": '["x"]'}
    ]
    assert found.table.schema.field("p").type == pa.decimal128(8, 2)
    assert (found.landing("j"), found.landing("g")) == ("VARIANT", "VARIANT")


def test_scales_below_zero_and_above_the_precision(sql: Sql) -> None:
    sql("create table items (k numeric(3, -2), s numeric(2, 4), m numeric(38, 0), o numeric(38, -1));")
    sql("insert into items values (12345, 0.0012, 99999999999999999999999999999999999999, 10)")
    found = read(postgres_reader("shop_postgres", "items"))
    assert found.rows == [{"k": Decimal(12300), "s": Decimal("0.0012"), "m": Decimal("9" * 38), "o": "10"}]


def test_server_settings_do_not_change_how_values_are_written(sql: Sql) -> None:
    sql("create table items (i interval, r daterange, b bytea[])")
    sql("insert into items values ('1 day', '[2013-01-02,2013-03-04)', array['\\x0a'::bytea])")
    sql("alter role headrace set intervalstyle = 'sql_standard'")
    sql("alter role headrace set datestyle = 'German'")
    sql("alter role headrace set bytea_output = 'escape'")
    try:
        found = read(postgres_reader("shop_postgres", "items"))
    finally:
        sql("alter role headrace reset all")
    assert found.rows == [{"i": "P1D", "r": "[2013-01-02,2013-03-04)", "b": '["\\\\x0a"]'}]


def test_bytes_that_are_no_utf_8_are_set_aside_where_a_database_has_no_encoding(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.execute("create database ascii encoding 'SQL_ASCII' locale 'C' template template0")
    monkeypatch.setenv("AIRFLOW_CONN_ASCII_POSTGRES", postgres.connection_json("ascii"))
    postgres.execute(
        r"""
        create table items (id int primary key, t text, j json, b jsonb, a text[]);
        insert into items values (1, 'é', '"é"', '"é"', '{é}');
        insert into items (id, t) values (2, E'\xe9');
        insert into items (id, j) values (3, E'"\xe9"');
        insert into items (id, b) values (4, E'"\xe9"');
        insert into items (id, a) values (5, E'{\xe9}');
        """,
        database="ascii",
    )
    found = read(postgres_reader("ascii_postgres", "items", primary_key=("id",)))
    assert found.rows == [{"id": 1, "t": "é", "j": '"é"', "b": '"é"', "a": '["é"]'}]
    assert [(one.position.rpartition("=")[2], one.reason) for one in found.rejected] == [
        ("2", "t: 'e9' is not a VARCHAR"),
        ("3", "j: '22e922' is not a VARCHAR"),
        ("4", "b: '22e922' is not a VARCHAR"),
        ("5", "a: '5b22e9225d' is not a VARCHAR"),
    ]
    assert json.loads(found.rejected[0].record)["t"] == "e9"
