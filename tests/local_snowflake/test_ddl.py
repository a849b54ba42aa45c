from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.local_snowflake.conftest import Client

Connect = Callable[..., Client]


def test_a_temporary_table_belongs_to_its_session(client: Client, connect: Connect, schema: str) -> None:
    other = connect()
    client.run(f"create temporary table TESTS.{schema}.x (a int)", "insert into x values (1)")
    other.run(f"create temporary table TESTS.{schema}.x as select 2 as a")
    assert client.rows(f"select x.a from TESTS.{schema}.x") == [(1,)]
    assert other.rows("select a from x") == [(2,)]
    assert other.dicts("describe table x")[0]["type"] == "NUMBER(38,0)"
    client.connection.close()
    assert "does not exist" in str(connect().error("select * from x"))
    other.run("drop table x")
    assert "does not exist" in str(other.error("select * from x"))


def test_a_temporary_table_hides_a_permanent_one_until_it_is_dropped(client: Client) -> None:
    client.run("create table x (a int)", "insert into x values (1)", "create temporary table x (a int)")
    assert client.rows("select * from x") == []
    client.run("drop table x")
    assert client.rows("select * from x") == [(1,)]


def test_temporary_views_can_be_replaced_and_merged_from(client: Client, schema: str) -> None:
    client.run("create table t (k int, v int)", "insert into t values (1, 1)")
    for value in (2, 3):
        client.run(
            f"create or replace temporary view TESTS.{schema}.t__tmp as (select k, {value} as v from t)",
            f"merge into TESTS.{schema}.t as d using TESTS.{schema}.t__tmp as s on s.k = d.k "
            "when matched then update set v = s.v",
        )
        assert client.rows("select v from t") == [(value,)]
    client.run("drop view if exists t__tmp cascade")


def test_what_a_temporary_table_holds_is_rolled_back_too(client: Client) -> None:
    client.run("create temporary table x (a int)", "begin", "insert into x values (1)", "rollback")
    assert client.rows("select * from x") == []


def test_parallel_sessions_create_and_replace_tables(connect: Connect) -> None:
    errors: list[BaseException] = []

    def build(number: int) -> None:
        try:
            mine = connect()
            for turn in range(6):
                mine.run(
                    f"create or replace table own_{number} (a varchar(5)) comment = 'c' as select '{turn}'",
                    f"create or replace transient table shared as select {number} as a",
                    "create table if not exists once as select 1 as a",
                    f"create or replace view v_{number} as select a from own_{number}",
                )
                assert mine.value(f"select a from v_{number}") == str(turn)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    client = connect()
    assert client.rows("select * from once") == [(1,)]
    assert client.value("select a from shared") in range(8)
    assert sorted(row["name"] for row in client.dicts("show tables") if row["name"].startswith("OWN")) == [
        f"OWN_{number}" for number in range(8)
    ]


def test_describe_and_show_columns_of_another_database(client: Client, schema: str) -> None:
    client.run(
        "create table t (a number(10,2) not null default 1 comment 'it''s a', b varchar(7), c timestamp_ltz, "
        "d timestamp_tz, e variant, f double, g binary, h time, i number(38,0))",
        "create database if not exists OTHER",
        "use database OTHER",
    )
    described = client.dicts(f"describe table TESTS.{schema}.t")
    assert [row["type"] for row in described] == [
        "NUMBER(10,2)", "VARCHAR(7)", "TIMESTAMP_LTZ(9)", "TIMESTAMP_TZ(9)", "VARIANT", "FLOAT",
        "BINARY(8388608)", "TIME(9)", "NUMBER(38,0)",
    ]  # fmt: skip
    assert (described[0]["null?"], described[0]["comment"]) == ("N", "it's a")
    assert [row["column_name"] for row in client.dicts(f"show columns in table TESTS.{schema}.t")] == list(
        "ABCDEFGHI"
    )
    rows = client.rows(
        "select data_type, numeric_precision, numeric_scale, character_maximum_length "
        f"from TESTS.INFORMATION_SCHEMA.COLUMNS where table_schema = '{schema}' "
        "order by ordinal_position limit 3"
    )
    assert rows == [("NUMBER", 10, 2, None), ("TEXT", None, None, 7), ("TIMESTAMP_LTZ", None, None, None)]
    assert "does not exist" in str(client.error("describe table TESTS.PUBLIC.nothing"))


def test_alter_table_adds_widens_renames_and_drops_columns(client: Client) -> None:
    client.run(
        "create table t (a number(5,0), s varchar(3))",
        "insert into t values (1, 'abc')",
        "alter table t add column if not exists b varchar(2) not null default 'x', c int",
        "alter table t add column if not exists b varchar(2)",
        "alter table t alter column a set data type number(19,0)",
        "alter table t alter column s set data type varchar(10)",
        "alter table t rename column c to d",
        "update t set s = 'abcdefghij', a = 1234567890123",
    )
    assert client.rows("select * from t") == [(1234567890123, "abcdefghij", "x", None)]
    assert client.error("alter table t alter column s set data type varchar(5)").errno == 40052
    assert client.error("alter table t alter column s set data type number(5,0)").errno == 40052
    assert client.error("update t set s = 'abcdefghijk'").errno == 100078
    client.run("alter table t drop column d, b", "alter table t rename to u")
    assert client.rows("select * from u") == [(1234567890123, "abcdefghij")]


def test_swap_exchanges_two_tables_and_commits(client: Client, connect: Connect) -> None:
    client.run("create table a (x int)", "create table b (y varchar(3))", "insert into b values ('b')")
    client.run("begin", "insert into a values (1)", "alter table a swap with b", "rollback")
    other = connect()
    assert (other.rows("select y from a"), other.rows("select x from b")) == ([("b",)], [(1,)])
    assert other.error("insert into a values ('long one')").errno == 100078


def test_comments_are_kept_with_every_character(client: Client) -> None:
    client.run("create table t (a int, b int)", 'comment on table t is $$it\'s a "table"$$')
    client.run(
        "comment on column t.a is 'col''s'",
        'alter table t alter "A" comment $$k$$, "B" comment $$it\'s; --b$$',
    )
    assert [row["comment"] for row in client.dicts("describe table t")] == ["k", "it's; --b"]
    assert [row["comment"] for row in client.dicts("show tables")] == ['it\'s a "table"']


def test_clone_copies_rows_types_and_defaults(client: Client) -> None:
    client.run("create table t (a varchar(3) not null, b int default 5)", "insert into t (a) values ('x')")
    client.run("create table c clone t", "insert into c (a) values ('y')")
    assert client.rows("select * from c order by a") == [("x", 5), ("y", 5)]
    assert client.error("insert into c (a) values ('long one')").errno == 100078
    assert client.rows("select * from t") == [("x", 5)]


def test_replacing_a_table_by_a_query_on_itself(client: Client) -> None:
    client.run("create table t as select 1 as a", "create or replace table t as select a + 1 as a from t")
    assert client.rows("select * from t") == [(2,)]


def test_show_likes_starts_and_limits(client: Client, schema: str) -> None:
    client.run("create table ab (x int)", "create table ac (x int)", "create view bc as select 1 as x")
    assert [row["name"] for row in client.dicts("show tables like 'a%'")] == ["AB", "AC"]
    objects = client.dicts(f"show terse objects in TESTS.{schema} starts with 'A' limit 1")
    assert [(row["name"], row["kind"]) for row in objects] == [("AB", "TABLE")]
    assert [row["name"] for row in client.dicts(f"show objects in TESTS.{schema} limit 5 from 'AB'")] == [
        "AC",
        "BC",
    ]
    assert schema in [row["name"] for row in client.dicts("show terse schemas in database TESTS limit 10000")]
    error = client.error("show objects in TESTS.NOTHING")
    assert (error.errno, error.sqlstate) == (2043, "02000")
    assert "does not exist" in str(error)


@pytest.mark.parametrize("kind", ["table", "view"])
def test_dropping_the_wrong_kind_fails(client: Client, kind: str) -> None:
    client.run("create table t (a int)", "create view v as select 1 as a")
    name = "v" if kind == "table" else "t"
    assert "not specified type" in str(client.error(f"drop {kind} if exists {name}"))


def test_a_view_over_a_temporary_table_is_refused(client: Client) -> None:
    client.run("create temporary table x (a int)")
    client.refused("create view v as select a from x")
