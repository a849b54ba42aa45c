"""Which tables and rows a MySQL reader reads, out of which snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.errors import SourceError
from include.headrace.readers.base import COMMENT_KEY, Span
from tests.support.mysql import start_mariadb
from tests.support.reading import mysql_reader, read

Sql = Callable[..., Any]


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    server = start_mariadb(tmp_path_factory.mktemp("mysql-tables"))
    os.environ["AIRFLOW_CONN_TABLES_MYSQL"] = server.connection_json("shop")
    yield server
    del os.environ["AIRFLOW_CONN_TABLES_MYSQL"]
    server.stop()


@pytest.fixture
def sql(mariadb: MariadbServer) -> Sql:
    """Run SQL in the database ``shop``, which each test begins with empty."""
    mariadb.execute("drop database if exists shop; create database shop")

    def run(statement: str, values: tuple[Any, ...] = ()) -> Any:
        return mariadb.execute(statement, values, database="shop")

    return run


def ids(name: str = "items", span: Span | None = None, **fields: Any) -> list[int]:
    return sorted(row["id"] for row in read(mysql_reader("tables_mysql", name, **fields), span).rows)


@pytest.mark.parametrize("name", ["order", 'we"ird `name', "%s $1", "Ünïcode", "a\\'b\\", "a b"])
def test_a_table_with_a_difficult_name_is_read(sql: Sql, mariadb: MariadbServer, name: str) -> None:
    quoted = "`" + name.replace("`", "``") + "`"
    mariadb.execute("create or replace database `my-data base`")
    mariadb.execute(
        f"create table {quoted} (id int, {quoted} text, `select` int); "
        f"insert into {quoted} values (1, 'x', 2)",
        database="my-data base",
    )
    found = read(mysql_reader("tables_mysql", name, database="my-data base", sample=1.0, primary_key=(name,)))
    assert found.rows == [{"id": 1, name: "x", "select": 2}]


def test_an_empty_table_gives_its_schema_and_no_rows(sql: Sql) -> None:
    sql("create table items (id int, t text)")
    found = read(mysql_reader("tables_mysql", "items"))
    assert found.table.schema.names == ["id", "t"]
    assert found.extracted == 0


def test_views_partitions_generated_and_invisible_columns(sql: Sql) -> None:
    sql("""
        create table parts (id int, twice int as (id * 2) virtual, kept int as (id * 3) stored,
            hidden int invisible default 9) partition by hash (id) partitions 3;
        insert into parts (id) values (1), (11);
        create view seen as select id, twice, hidden from parts where id > 5;
        create table versioned (id int) with system versioning;
        insert into versioned values (1); update versioned set id = 2
    """)
    rows = read(mysql_reader("tables_mysql", "parts", primary_key=("id",), limit=9)).rows
    assert [tuple(row.values()) for row in rows] == [(1, 2, 3, 9), (11, 22, 33, 9)]
    assert read(mysql_reader("tables_mysql", "seen")).rows == [{"id": 11, "twice": 22, "hidden": 9}]
    assert ids("versioned") == [2]


def test_excluded_columns_are_not_read_and_comments_are_kept(sql: Sql) -> None:
    sql("create table items (id int, secret text, t text comment 'What it ''says''')")
    schema = read(mysql_reader("tables_mysql", "items", exclude=("secret",))).table.schema
    assert schema.names == ["id", "t"]
    assert (schema.field("t").metadata or {})[COMMENT_KEY] == b"What it 'says'"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "itms"}, "no table 'itms' in the database 'shop' of MySQL that the user may read; it has"),
        ({"name": "items", "database": "shpo"}, "the database 'shpo' is empty, missing or closed"),
        ({"name": "items", "cursor": "updated"}, "no column 'updated'; it has id, t. Correct `cursor`"),
        ({"name": "items", "primary_key": ("key",)}, "no column 'key'; it has id, t. Correct `primary_key`"),
        ({"name": "items", "exclude": ("x",)}, "no column 'x'; it has id, t. Correct `exclude`"),
        ({"name": "items", "exclude": ("id", "t")}, "has no columns to read"),
        ({"name": "numbers"}, "neither a table nor a view"),
        ({"name": "broken"}, "references invalid table"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(sql: Sql, fields: dict[str, Any], says: str) -> None:
    sql("""
        create table items (id int, t text); create sequence numbers; create table gone (id int);
        create view broken as select id from gone; drop table gone
    """)
    with pytest.raises(SourceError) as caught:
        read(mysql_reader("tables_mysql", **fields))
    assert says in str(caught.value)


def test_a_table_without_a_database_anywhere_is_told(
    sql: Sql, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TABLES_MYSQL", mariadb.connection_json(""))
    sql("create table items (id int)")
    with pytest.raises(SourceError, match="names no database"):
        ids()
    assert ids(database="shop") == []


@pytest.fixture
def moments(sql: Sql) -> Sql:
    sql("""
        create table items (id int primary key, at timestamp null, local datetime(3));
        set time_zone = '+00:00';
        insert into items select seq, '2013-07-01' + interval seq hour, '2013-07-01' + interval seq hour
        from seq_0_to_9
    """)
    return sql


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(), range(10)),
        (Span(lower="2013-07-01 03:00:00Z"), range(3, 10)),
        (Span(lower="2013-07-01 03:00:00+00:00", lower_inclusive=False), range(4, 10)),
        (Span(upper="2013-07-01T05:00:00+02:00"), range(3)),
        (Span(lower="2013-07-01 03:00:00Z", upper="2013-07-01 05:00:00Z"), range(3, 5)),
    ],
)
def test_a_span_reads_only_its_part(moments: Sql, span: Span, expected: range) -> None:
    assert ids(span=span, cursor="at") == list(expected)


@pytest.mark.parametrize(
    "text", ["'; drop table items; --", "2013-07-01') or true --", "1 or 1", "\\' or 1=1 #"]
)
@pytest.mark.parametrize("cursor", ["at", "local", "id"])
def test_the_bounds_of_a_span_are_values_and_never_sql(moments: Sql, text: str, cursor: str) -> None:
    with pytest.raises(SourceError, match=f"is no .*, as the cursor '{cursor}' is"):
        ids(span=Span(lower=text), cursor=cursor)
    assert len(ids()) == 10


def test_cursors_of_other_types(sql: Sql) -> None:
    sql("""
        create table items (id int, v bigint unsigned, t text, d date, f double, n decimal(40, 2),
            local datetime(6), y year);
        insert into items select seq, seq, concat('k\\\\''', seq), '2013-07-01' + interval seq day, seq / 2,
            seq, '2013-07-01' + interval seq microsecond, 2000 + seq from seq_0_to_9
    """)
    assert ids(span=Span(lower="7"), cursor="v") == [7, 8, 9]
    assert ids(span=Span(lower="k\\'8", lower_inclusive=False), cursor="t") == [9]
    assert ids(span=Span(upper="2013-07-03"), cursor="d") == [0, 1]
    assert ids(span=Span(lower="4.5"), cursor="f") == [9]
    assert ids(span=Span(lower="2013-07-01 00:00:00.000008"), cursor="local") == [8, 9]
    assert ids(span=Span(upper="2002"), cursor="y") == [0, 1]


def test_rows_without_a_cursor_are_set_aside_and_not_lost(moments: Sql) -> None:
    moments("set sql_mode = ''; insert into items values (77, null, null), (78, 0, 0)")
    for cursor, bound in (("at", "2013-07-01 08:00:00Z"), ("local", "2013-07-01 08:00:00")):
        for span in (Span(), Span(lower=bound)):
            fields: dict[str, Any] = {"cursor": cursor, "primary_key": ("id",), "disposition": "merge"}
            found = read(mysql_reader("tables_mysql", "items", **fields), span)
            assert [one.position for one in found.rejected] == ["shop.items id=77", "shop.items id=78"]
            assert "cursor is NULL" in found.rejected[0].reason
            assert "is not a TIMESTAMP" in found.rejected[1].reason


def test_limit_sample_and_window_narrow_a_prototype(moments: Sql) -> None:
    moments("insert into items select seq, '2013-06-01', '2013-06-01' from seq_100_to_2099")
    keyed: dict[str, Any] = {"primary_key": ("id",), "cursor": "at"}
    assert ids(limit=3, **keyed) == [0, 1, 2]
    assert ids(window=timedelta(hours=2), **keyed) == [7, 8, 9]
    sampled = ids(sample=0.1, **keyed)
    assert 120 < len(sampled) < 290
    assert ids(sample=0.1, **keyed) == sampled
    assert set(sampled) < set(ids(sample=0.5, **keyed)), "a larger sample holds the smaller one"
    assert 120 < len(ids(sample=0.1)) < 290, "without a key, by the whole row"


def test_production_reads_everything(moments: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_ENV", "prod")
    everything = ids(limit=1, sample=0.1, window=timedelta(hours=1), cursor="at", primary_key=("id",))
    assert everything == list(range(10))


def test_a_window_needs_a_cursor_in_time(sql: Sql) -> None:
    sql("create table items (id int)")
    with pytest.raises(SourceError, match="`window` of items needs a cursor that is a date"):
        ids(window=timedelta(hours=1), cursor="id")


def test_a_read_is_one_snapshot_though_others_write(sql: Sql) -> None:
    sql("create table items (id int primary key, t text); insert into items values (1, 'a'), (2, 'b')")
    with mysql_reader("tables_mysql", "items").open(Span()) as extraction:
        sql("insert into items values (3, 'c'); update items set t = 'z'; delete from items where id = 1")
        pieces = list(extraction.pieces())
    assert sorted(row["t"] for piece in pieces for row in piece.rows.to_pylist()) == ["a", "b"]
    assert ids() == [2, 3]


def test_a_table_without_transactions_cannot_change_while_it_is_read(sql: Sql) -> None:
    sql("create table items (id int, t varchar(400)) engine = MyISAM")
    sql("insert into items select seq, repeat('x', 400) from seq_1_to_60000")
    with mysql_reader("tables_mysql", "items").open(Span()) as extraction:
        pieces = extraction.pieces()
        rows = next(pieces).rows.num_rows
        with pytest.raises(Exception, match=r"max_statement_time|timeout"):
            sql("set max_statement_time = 0.3; update items set t = 'changed'")
        rest = [piece.rows for piece in pieces]
    assert rows + sum(batch.num_rows for batch in rest) == 60000
    assert all(batch.column("t").unique().to_pylist() == ["x" * 400] for batch in rest)


def test_a_reader_writes_nothing(sql: Sql) -> None:
    sql("create table noted (id int)")
    sql("create function note() returns int begin insert into noted values (1); return 1; end")
    sql("create view items as select note() as id")
    with pytest.raises(SourceError, match="READ ONLY transaction"):
        ids()
    assert sql("select count(*) from noted") == [(0,)]


def test_many_rows_arrive_once_each_in_pieces_of_bounded_size(sql: Sql) -> None:
    sql("create table items as select seq as id, repeat('x', 400) as t from seq_1_to_60000")
    with mysql_reader("tables_mysql", "items").open(Span()) as extraction:
        pieces = [piece.rows for piece in extraction.pieces()]
    assert len(pieces) > 2
    assert max(piece.nbytes for piece in pieces) < 16 * 1024 * 1024
    numbers = [number for piece in pieces for number in piece.column("id").to_pylist()]
    assert sorted(numbers) == list(range(1, 60001))


def test_rows_of_very_different_length_come_in_pieces_of_bounded_size(sql: Sql) -> None:
    sql("create table items (id int, t longblob)")
    sql("insert into items select seq, if(seq < 900, 'x', repeat('y', 3000000)) from seq_1_to_920")
    with mysql_reader("tables_mysql", "items").open(Span()) as extraction:
        pieces = [piece.rows for piece in extraction.pieces()]
    assert max(piece.nbytes for piece in pieces) < 16 * 1024 * 1024
    assert [len(t) for piece in pieces for t in piece.column("t").to_pylist()] == [1] * 899 + [3000000] * 21


def test_leaving_early_ends_a_query_that_would_never_end(sql: Sql, mariadb: MariadbServer) -> None:
    sql("create view items as select a.seq as id from seq_1_to_100000000 a join seq_1_to_100000 b")
    with mysql_reader("tables_mysql", "items").open(Span()) as extraction:
        assert next(extraction.pieces()).rows.num_rows > 0
    busy = "id <> connection_id() and command in ('Query', 'Execute')"
    for _ in range(100):
        if mariadb.execute(
            f"select sleep(0.05); select count(*) from information_schema.processlist where {busy}"
        ) == [(0,)]:
            return
    pytest.fail("the query goes on without its reader")
