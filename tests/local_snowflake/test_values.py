from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.local_snowflake.conftest import Client

UTC = datetime.UTC
MOMENT = datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)


def test_null_timestamps_stay_null(client: Client) -> None:
    client.run("create table t (a timestamp_ntz, b timestamp_tz, c timestamp_ltz, d date, e time)")
    client.run("insert into t values (null, null, null, null, null)")
    assert client.rows("select * from t") == [(None,) * 5]


def test_timestamps_before_the_epoch_and_at_the_ends_of_the_range_are_exact(client: Client) -> None:
    for text in ("1582-01-01 00:00:00.000001", "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"):
        expected = datetime.datetime.fromisoformat(text)
        assert client.value(f"select '{text}'::timestamp_ntz as t") == expected
        assert client.value(f"select '{text}+00:00'::timestamp_tz as t") == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize("style", ["pyformat", "qmark"])
def test_bound_values_arrive_exactly(connect: Callable[..., Client], style: str) -> None:
    client = connect(paramstyle=style)
    client.run(
        "create table t (i number(19,0), s varchar, f double, o boolean, w timestamp_ntz, z "
        "timestamp_tz, d date, "
        "c time, b binary, n number(30,2))"
    )
    mark = "%s" if style == "pyformat" else "?"
    values: list[Any] = [
        -(2**60),
        "it's \\ \" ? %s é\n",
        0.1,
        False,
        MOMENT,
        MOMENT.replace(tzinfo=UTC),
        datetime.date(2013, 2, 28),
        datetime.time(1, 2, 3, 4),
        b"\x00'\xff",
        "99999999999999999999.12",
    ]
    places = ", ".join([mark] * 10)
    assert client.count(f"insert into t select {places}", *values) == 1
    assert client.count(f"insert into t select {places}", *[None] * 10) == 1
    full, empty = client.rows("select * from t order by i nulls last")
    assert full == (*values[:-1], Decimal("99999999999999999999.12"))
    assert empty == (None,) * 10
    assert client.value(f"select count(*) from t where w = {mark}", MOMENT) == 1
    assert client.value(f"select count(*) from t where s = {mark}", values[1]) == 1


@pytest.mark.parametrize("style", ["pyformat", "qmark"])
def test_many_rows_are_inserted_as_one_statement(connect: Callable[..., Client], style: str) -> None:
    client = connect(paramstyle=style)
    client.run("create table t (i int, s varchar(5), w timestamp_ntz)")
    mark = "%s" if style == "pyformat" else "?"
    cursor = client.connection.cursor()
    cursor.executemany(
        f"insert into t (i, s, w) values ({mark}, {mark}, {mark})", [(1, "a", MOMENT), (2, None, None)]
    )
    assert cursor.rowcount == 2
    assert client.rows("select * from t order by i") == [(1, "a", MOMENT), (2, None, None)]
    with pytest.raises(Exception, match="too long"):
        cursor.executemany(f"insert into t (i, s) values ({mark}, {mark})", [(3, "b"), (4, "too long")])
    assert client.value("select count(*) from t") == 2


@pytest.mark.parametrize(
    "statement",
    [
        "insert into t values (1, 'abcd')",
        "insert into t select 1, 'abcd'",
        "update t set s = 'abcd'",
        "merge into t using (select 1 i, 'abcd' s) x on t.i = x.i when matched then update set s = x.s",
        "merge into t using (select 2 i, 'abcd' s) x on t.i = x.i when not matched then insert (i, "
        "s) values (x.i, x.s)",
        "create table u (i int, s varchar(3)) as select 1, 'abcd'",
    ],
)
def test_a_text_longer_than_its_column_is_an_error(client: Client, statement: str) -> None:
    client.run("create table t (i int, s varchar(3))", "insert into t values (1, 'abc')")
    assert client.error(statement).errno == 100078
    assert client.rows("select * from t") == [(1, "abc")]


def test_an_explicit_cast_to_a_shorter_text_truncates(client: Client) -> None:
    assert client.value("select 'abcdef'::varchar(3) as s") == "abc"


def test_a_number_too_large_for_64_bits_is_refused_and_not_changed(client: Client) -> None:
    client.run("create table t (i number(38,0), j number(37,0))")
    assert "64 bits" in str(client.error("insert into t (i) values (100000000000000000000)"))
    client.run("insert into t (j) values (100000000000000000000)")
    assert client.rows("select j from t") == [(10**20,)]


def test_sum_of_numbers_is_a_number(client: Client) -> None:
    client.run("create table t (n number(10,2), i int)", "insert into t values (0.10, 1), (0.20, 2)")
    client.run("create table u as select sum(n) as n, sum(i) as i, count(*) as c from t")
    assert client.rows("select * from u") == [(Decimal("0.30"), 3, 2)]
    types = {row["name"]: row["type"] for row in client.dicts("describe table u")}
    assert types == {"N": "NUMBER(38,2)", "I": "NUMBER(38,0)", "C": "NUMBER(38,0)"}


def test_division_by_zero_is_an_error(client: Client) -> None:
    client.run("create table t (a int, b int)", "insert into t values (6, 0)")
    assert client.error("select a / b as q from t").errno == 100051
    assert client.value("select a / nullif(b, 0) as q from t") is None


def test_what_is_mended_is_mended_inside_other_expressions_too(client: Client) -> None:
    client.run("create table t (a int, b int, s varchar)")
    client.run("""insert into t values (6, 0, '{"k": 1, "k": 1}')""")
    assert client.error("select sum(a / b) as q from t").errno == 100051
    assert client.error("select a / (1 + a / b) as q from t").errno == 100051
    assert client.error("select max(parse_json(s):k::varchar(3)) as q from t").errno == 100069
    client.run("begin")
    first, second = (
        client.value("select sum(date_part(epoch_microsecond, current_timestamp())) as q") for _ in range(2)
    )
    assert first < second


def test_a_generator_gives_its_rows(client: Client) -> None:
    client.run(
        "create table t as with days as (select cast(dateadd(day, row_number() over (order by seq4()) - 1, "
        "cast('2019-12-30' as date)) as date) as d from table(generator(rowcount => 4))) select d from days"
    )
    assert client.rows("select d from t order by d") == [
        (datetime.date(2019, 12, 30),),
        (datetime.date(2019, 12, 31),),
        (datetime.date(2020, 1, 1),),
        (datetime.date(2020, 1, 2),),
    ]
    client.refused("select seq4() as s from table(generator(timelimit => 1))")


def test_trim_takes_its_side_and_its_characters(client: Client) -> None:
    assert client.rows(
        "select ltrim('  a '), rtrim(' a  '), trim(' a '), ltrim('xxax', 'x'), rtrim('xaxy', 'xy'), "
        "trim('xyax', 'xy')"
    ) == [("a ", " a", "a", "ax", "xa", "a")]


def test_date_trunc_gives_the_type_it_is_given(client: Client) -> None:
    client.run("create table t (d date, n timestamp_ntz, z timestamp_tz)")
    client.run("insert into t values ('2020-01-05', '2020-01-05 01:02:03', '2020-01-05 01:02:03+00:00')")
    assert client.rows(
        "select date_trunc('week', d), date_trunc(month, n), date_trunc('hour', z), date_trunc(year, "
        "date_trunc('day', d)) from t"
    ) == [
        (
            datetime.date(2019, 12, 30),
            datetime.datetime(2020, 1, 1),
            datetime.datetime(2020, 1, 5, 1, tzinfo=UTC),
            datetime.date(2020, 1, 1),
        )
    ]


def test_to_char_formats_dates_and_times_and_nothing_else(client: Client) -> None:
    client.run("create table t (d date, w timestamp_ntz, n number(10,2))")
    client.run("insert into t values ('2020-01-05', '2020-01-05 13:02:03', 1234.5), (null, null, null)")
    assert client.rows(
        "select to_char(d, 'YYYY/MM/DD'), to_varchar(w, 'YYYYMMDD HH24:MI:SS'), to_char(n) from t order by d"
    ) == [("2020/01/05", "20200105 13:02:03", "1234.50"), (None, None, None)]
    client.refused("select to_varchar(n, '9,999.00') as c from t")
    client.refused("select to_char(w, 'FF3') as c from t")
    assert client.error("select to_char(n, 'YYYY') as c from t").errno == 904


def test_to_char_takes_quoted_text_of_its_format_as_it_is(client: Client) -> None:
    client.run("create table t (w timestamp_ntz)", "insert into t values ('2020-01-05 13:02:03')")
    assert client.value("""select to_char(w, 'YYYY-MM-DD"T"HH24"Z"') as c from t""") == "2020-01-05T13Z"
    assert client.value("""select to_char(w, '"DD is" DD') as c from t""") == "DD is 05"
    client.refused("""select to_char(w, 'YYYY"Z') as c from t""")
    client.refused("""select to_char('2020-01-05'::timestamp_ntz, 'HH24"Z"') as c""")


def test_not_null_columns_refuse_null(client: Client) -> None:
    client.run("create table t (i int not null)")
    with pytest.raises(Exception, match="100072"):
        client.run("insert into t values (null)")
    with pytest.raises(Exception, match="100072"):
        client.run("create table u (i int not null) as select null::int")
    assert client.error("select * from u").errno == 2003


def test_keys_are_not_enforced(client: Client) -> None:
    client.run("create table t (i int primary key, j int unique, foreign key (j) references t (i))")
    assert client.count("insert into t values (1, 1), (1, 1)") == 2


def test_describe_shows_the_keys_of_a_table_and_of_its_clone(client: Client) -> None:
    client.run(
        "create table t (a int, b int, c int unique, d int, constraint k primary key (a, b), unique (d))",
        "create table u clone t",
        "alter table u rename column a to z",
    )
    for table, first in (("t", "A"), ("u", "Z")):
        shown = client.dicts(f"describe table {table}")
        assert [(row["name"], row["primary key"], row["unique key"], row["null?"]) for row in shown] == [
            (first, "Y", "N", "N"),
            ("B", "Y", "N", "N"),
            ("C", "N", "Y", "Y"),
            ("D", "N", "Y", "Y"),
        ]
    assert client.error("create table v (a int, primary key (b))").errno == 904


def test_current_timestamp_is_when_the_statement_began(client: Client) -> None:
    client.run("create table t (a timestamp_ltz)", "begin", "insert into t select current_timestamp()")
    client.run("insert into t select current_timestamp()", "commit")
    assert client.value("select count(distinct a) from t") == 2


def test_unnamed_columns_have_snowflakes_names(client: Client) -> None:
    cursor = client.connection.cursor()
    cursor.execute("select count(*), max(a) from (select 1 as a)")
    assert [column.name for column in cursor.description] == ["COUNT(*)", "MAX(A)"]


def test_a_time_zone_that_does_not_exist_is_refused(client: Client) -> None:
    assert client.error("alter session set timezone = 'Mars/Phobos'").errno == 1008


def test_new_york_time_over_the_change_of_clocks(client: Client) -> None:
    shown = "select convert_timezone('UTC', 'America/New_York', '{}'::timestamp_ntz) as t"
    assert client.value(shown.format("2013-03-10 06:59:59")) == datetime.datetime(2013, 3, 10, 1, 59, 59)
    assert client.value(shown.format("2013-03-10 07:00:00")) == datetime.datetime(2013, 3, 10, 3, 0, 0)
    assert client.value(shown.format("2013-11-03 06:00:00")) == datetime.datetime(2013, 11, 3, 1, 0, 0)
