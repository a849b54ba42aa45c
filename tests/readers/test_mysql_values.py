"""The hostile table of MySQL: every value arrives exactly, or its row is set aside with the reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.readers.mysql_catalog import SourceColumn
from include.headrace.readers.mysql_types import carried
from tests.support.mysql import start_mariadb
from tests.support.reading import Read, mysql_reader, read

Sql = Callable[..., Any]


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    server = start_mariadb(tmp_path_factory.mktemp("mysql-values"))
    os.environ["AIRFLOW_CONN_VALUES_MYSQL"] = server.connection_json("shop")
    yield server
    del os.environ["AIRFLOW_CONN_VALUES_MYSQL"]
    server.stop()


@pytest.fixture
def sql(mariadb: MariadbServer) -> Sql:
    """Run SQL in the database ``shop``, which each test begins with empty. Any date can be written."""
    mariadb.execute("drop database if exists shop; create database shop")

    def run(statement: str, values: tuple[Any, ...] = ()) -> Any:
        return mariadb.execute(f"set sql_mode = 'ALLOW_INVALID_DATES'; {statement}", values, database="shop")

    return run


def items(**fields: Any) -> Read:
    return read(mysql_reader("values_mysql", "items", **fields))


def test_numbers_keep_value_and_type_at_their_ends(sql: Sql) -> None:
    sql("""
        create table items (t1 tinyint, t1u tinyint unsigned, flag tinyint(1), s smallint,
            su smallint unsigned, m mediumint, mu mediumint unsigned, i int, iu int unsigned,
            b bigint, bu bigint unsigned, z int(7) zerofill, y year, b1 bit(1), b64 bit(64),
            d decimal(38, 10), d0 decimal(12), dz decimal(9, 2) zerofill, f float, fd float(7, 4),
            g double, gd double(12, 3) zerofill);
        insert into items values (-128, 255, 2, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295,
            -9223372036854775808, 18446744073709551615, 42, 2155, 1, 0xffffffffffffffff,
            -9999999999999999999999999999.9999999999, -999999999999, 1.5, 16777217 / 3, 999.9999,
            1.7976931348623157e308, 12.125);
        insert into items (y, g, f) values (0, 5e-324, -0.1e-37);
    """)
    found = items()
    single = pa.scalar(16777217 / 3, pa.float32()).as_py()
    assert found.rows[0] == {
        "t1": -128, "t1u": 255, "flag": 2, "s": -32768, "su": 65535, "m": -8388608, "mu": 16777215,
        "i": -2147483648, "iu": 4294967295, "b": -9223372036854775808, "bu": Decimal(18446744073709551615),
        "z": 42, "y": 2155, "b1": Decimal(1), "b64": Decimal(2**64 - 1),
        "d": Decimal("-9999999999999999999999999999.9999999999"), "d0": Decimal(-999999999999),
        "dz": Decimal("1.50"), "f": single, "fd": pa.scalar(999.9999, pa.float32()).as_py(),
        "g": 1.7976931348623157e308, "gd": 12.125,
    }  # fmt: skip
    some = {"y": 0, "g": 5e-324, "f": pa.scalar(-0.1e-37, pa.float32()).as_py()}
    assert found.rows[1] == {**dict.fromkeys(found.rows[0]), **some}
    assert found.rejected == []
    assert [str(kind) for kind in found.table.schema.types] == [
        "int8", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int32", "uint32", "int64",
        "decimal128(20, 0)", "uint32", "int16", "decimal128(20, 0)", "decimal128(20, 0)",
        "decimal128(38, 10)", "decimal128(12, 0)", "decimal128(9, 2)", "float", "float", "double", "double",
    ]  # fmt: skip


def test_times_keep_their_microseconds_and_moments_their_zone(sql: Sql) -> None:
    sql("""
        set time_zone = '-05:00';
        create table items (d date, t time(6), dt datetime(6), ts timestamp(6) null, s datetime);
        insert into items values ('2013-03-10', '23:59:59.999999', '2013-03-10 02:30:00.000001',
            '2013-11-03 01:30:00.5', '2013-03-10 02:30:00');
        insert into items values ('9999-12-31', '-838:59:59', '9999-12-31 23:59:59.999999',
            '1969-12-31 19:00:01', '0001-01-01'), ('0001-01-01', '838:59:59', null, null, null);
    """)
    found = items()
    assert found.rows == [
        {
            "d": date(2013, 3, 10),
            "t": "23:59:59.999999",
            "dt": datetime(2013, 3, 10, 2, 30, 0, 1),
            "ts": datetime(2013, 11, 3, 6, 30, 0, 500000, tzinfo=UTC),
            "s": datetime(2013, 3, 10, 2, 30),
        },
        {
            "d": date(9999, 12, 31),
            "t": "-838:59:59.000000",
            "dt": datetime(9999, 12, 31, 23, 59, 59, 999999),
            "ts": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
            "s": datetime(1, 1, 1),
        },
        {"d": date(1, 1, 1), "t": "838:59:59.000000", "dt": None, "ts": None, "s": None},
    ]
    kinds = [str(kind) for kind in found.table.schema.types]
    assert kinds == ["date32[day]", "string", "timestamp[us]", "timestamp[us, tz=UTC]", "timestamp[us]"]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("date", "0000-00-00", "a: '0000-00-00' is not a DATE"),
        ("date", "2024-00-15", "a: '2024-00-15' is not a DATE"),
        ("date", "2024-02-31", "a: '2024-02-31' is not a DATE"),
        ("date", "0000-01-01", "a: 0001-01-01 BC is outside the years"),
        ("datetime", "0000-00-00 00:00:00", "a: '0000-00-00 00:00:00' is not a TIMESTAMP_NTZ"),
        ("datetime(6)", "2024-05-00 10:11:12.500000", "'2024-05-00 10:11:12.500000' is not a TIMESTAMP_NTZ"),
        ("timestamp null", "0000-00-00 00:00:00", "a: '0000-00-00 00:00:00' is not a TIMESTAMP_TZ"),
        ("json", '{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ("json", "[1e400]", "would be rounded"),
        ("json", "0." + "3" * 39, "would be rounded"),
    ],
)
def test_a_value_that_cannot_be_carried_sets_its_row_aside(
    sql: Sql, column: str, value: str, reason: str
) -> None:
    sql(f"create table items (id int primary key, a {column}, note text)")
    sql("insert into items values (1, null, 'é'), (7, %s, 'é'), (9, null, 'é')", (value,))
    found = items(primary_key=("id",))
    assert found.rows == [{"id": 1, "a": None, "note": "é"}, {"id": 9, "a": None, "note": "é"}]
    (rejected,) = found.rejected
    assert rejected.position == "shop.items id=7"
    assert reason in rejected.reason
    assert json.loads(rejected.record) == {"id": "7", "a": value, "note": "é"}
    assert found.extracted == 3


def test_two_faults_of_one_row_are_both_told(sql: Sql) -> None:
    sql("create table items (d date, e date); insert into items values ('0000-00-00', '2024-01-00')")
    (rejected,) = items().rejected
    assert rejected.position == "shop.items row 1"
    assert "d: '0000-00-00'" in rejected.reason
    assert "e: '2024-01-00'" in rejected.reason


def test_text_is_utf_8_whatever_its_character_set(sql: Sql) -> None:
    sql("""
        create table items (l varchar(20) character set latin1, c varchar(20) character set cp1251,
            u text character set utf16, o text character set utf8mb3, m longtext character set utf8mb4,
            f char(4), e enum('a', 'it''s ö') character set latin1, s set('x', 'ÿ') character set latin1);
        insert into items values ('é€', 'Жд', '😀é', 'ж', %s, 'ab  ', 2, 3)
    """, ("a\tb\n\\N'\"\x00😀",))  # fmt: skip
    assert items().rows == [
        {"l": "é€", "c": "Жд", "u": "😀é", "o": "ж", "m": "a\tb\n\\N'\"\x00😀", "f": "ab", "e": "it's ö",
         "s": "x,ÿ"}
    ]  # fmt: skip


def test_text_that_is_not_utf_8_is_set_aside() -> None:
    # No server of today lets such bytes in, but old tables have them.
    column = carried(SourceColumn("t", "varchar", "varchar(9)", 0, 0, None))
    converted, faults = column.conversion(pa.array([b"ok", b"\xc3\x28"]))
    assert converted.to_pylist() == ["ok", None]
    assert faults == {1: "t: 'c328' is not a VARCHAR"}


def test_json_lands_as_variant_text_unchanged(sql: Sql) -> None:
    texts = ['{"a": 1.10, "b": [null, true, "\\u00e9 é"]}', "null", '"text"', "1e5"]
    sql('create table items (`j"s``on` json, plain longtext check (length(plain) > 0))')
    for text in texts:
        sql("insert into items values (%s, '{}')", (text,))
    found = items()
    assert found.table.column('j"s`on').to_pylist() == texts
    assert (found.landing('j"s`on'), found.landing("plain")) == ("VARIANT", None)


def test_server_settings_do_not_change_how_values_are_written(sql: Sql, mariadb: MariadbServer) -> None:
    sql("create table items (c char(4), ts timestamp, t varchar(5))")
    sql(
        "set time_zone = '+00:00'; insert into items values ('ab', '2013-07-01 12:00:00', 'é'), ('cd', 0, '')"
    )
    changed = {
        "sql_mode": "'PAD_CHAR_TO_FULL_LENGTH,ORACLE,NO_ZERO_DATE'",
        "time_zone": "'+09:00'",
        "sql_select_limit": "1",
        "character_set_client": "latin1",
        "character_set_results": "latin1",
        "init_connect": "'SET NAMES latin1'",
    }
    before = {name: mariadb.execute(f"select @@global.{name}")[0][0] for name in changed}
    mariadb.execute("; ".join(f"set global {name} = {value}" for name, value in changed.items()))
    try:
        found = items()
    finally:
        for name, value in before.items():
            mariadb.execute(f"set global {name} = %s", (value,))
    assert found.rows == [{"c": "ab", "ts": datetime(2013, 7, 1, 12, tzinfo=UTC), "t": "é"}]
    assert len(found.rejected) == 1, "the second row is read too, and has no date"
