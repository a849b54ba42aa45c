"""Which tables and rows a PostgreSQL reader reads, and what it says when it cannot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers.base import COMMENT_KEY, Span
from include.headrace.readers.postgres_connection import statement_error
from tests.support.reading import postgres_reader, read

Sql = Callable[..., Any]


def ids(name: str = "items", span: Span | None = None, **fields: Any) -> list[int]:
    return sorted(row["id"] for row in read(postgres_reader("shop_postgres", name, **fields), span).rows)


@pytest.mark.parametrize("name", ["order", 'we"ird name', "a.b", "%s $1", "Ünïcode"])
def test_a_table_with_a_difficult_name_is_read(sql: Sql, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    sql(f'create schema "my schema"; create table "my schema".{quoted} (id int, {quoted} text, "select" int)')
    sql(f'insert into "my schema".{quoted} values (1, $$x$$, 2)')
    try:
        found = read(postgres_reader("shop_postgres", name, schema="my schema", sample=1.0))
    finally:
        sql('drop schema "my schema" cascade')
    assert found.rows == [{"id": 1, name: "x", "select": 2}]


def test_an_empty_table_gives_its_schema_and_no_rows(sql: Sql) -> None:
    sql("create table items (id int, t text)")
    found = read(postgres_reader("shop_postgres", "items"))
    assert found.table.schema.names == ["id", "t"]
    assert found.extracted == 0


def test_views_partitions_generated_and_dropped_columns(sql: Sql) -> None:
    sql("""
        create table parts (id int, gone text, twice int generated always as (id * 2) stored)
            partition by range (id);
        create table parts_1 partition of parts for values from (0) to (10);
        create table parts_2 partition of parts for values from (10) to (20);
        alter table parts drop column gone;
        insert into parts (id) values (1), (11);
        create view seen as select id, twice from parts where id > 5;
        create materialized view kept as select * from seen
    """)
    assert sorted(
        map(tuple, (row.values() for row in read(postgres_reader("shop_postgres", "parts")).rows))
    ) == [
        (1, 2),
        (11, 22),
    ]
    assert read(postgres_reader("shop_postgres", "seen")).rows == [{"id": 11, "twice": 22}]
    assert read(postgres_reader("shop_postgres", "kept")).rows == [{"id": 11, "twice": 22}]


def test_excluded_columns_are_not_read_and_comments_are_kept(sql: Sql) -> None:
    sql("create table items (id int, secret text, t text); comment on column items.t is 'What it says'")
    schema = read(postgres_reader("shop_postgres", "items", exclude=("secret",))).table.schema
    assert schema.names == ["id", "t"]
    assert (schema.field("t").metadata or {})[COMMENT_KEY] == b"What it says"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "itms"}, "no table 'itms' in the schema 'public' of PostgreSQL; it has items, other"),
        ({"name": "items", "schema": "shpo"}, "its schema 'shpo' is empty or missing"),
        ({"name": "items", "cursor": "updated"}, "no column 'updated'; it has id, t. Correct `cursor`"),
        ({"name": "items", "primary_key": ("key",)}, "no column 'key'; it has id, t. Correct `primary_key`"),
        ({"name": "items", "exclude": ("x",)}, "no column 'x'; it has id, t. Correct `exclude`"),
        ({"name": "items", "exclude": ("id", "t")}, "has no columns to read"),
        ({"name": "bare"}, "has no columns to read"),
        ({"name": "numbers"}, "neither a table nor a view"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(sql: Sql, fields: dict[str, Any], says: str) -> None:
    sql("create table items (id int, t text); create table other (id int); create sequence numbers")
    if fields["name"] == "bare":
        sql("create table bare ()")
    with pytest.raises(SourceError) as caught:
        read(postgres_reader("shop_postgres", **fields))
    assert says in str(caught.value)


@pytest.fixture
def moments(sql: Sql) -> Sql:
    sql("""
        create table items (id int primary key, at timestamptz);
        insert into items select g, timestamptz '2013-07-01 00:00+00' + g * interval '1 hour'
        from generate_series(0, 9) g
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


def test_the_bounds_of_a_span_are_values_and_never_sql(moments: Sql) -> None:
    for text in ("'; drop table items; --", "2013-07-01') or true --"):
        with pytest.raises(SourceError, match="invalid input syntax"):
            ids(span=Span(lower=text), cursor="at")
    assert len(ids()) == 10


def test_cursors_of_other_types(sql: Sql) -> None:
    sql("create domain version as bigint; create table items (id int, v version, t text, d date)")
    sql("insert into items select g, g, 'k' || g, date '2013-07-01' + g from generate_series(0, 9) g")
    assert ids(span=Span(lower="7"), cursor="v") == [7, 8, 9]
    assert ids(span=Span(lower="k8", lower_inclusive=False), cursor="t") == [9]
    assert ids(span=Span(upper="2013-07-03"), cursor="d") == [0, 1]


def test_rows_without_a_cursor_are_set_aside_and_not_lost(moments: Sql) -> None:
    moments("insert into items values (77, null)")
    for span in (Span(), Span(lower="2013-07-01 08:00:00Z")):
        found = read(
            postgres_reader("shop_postgres", "items", cursor="at", primary_key=("id",), disposition="merge"),
            span,
        )
        assert [one.position for one in found.rejected] == ["public.items id=77"]
        assert "cursor is NULL" in found.rejected[0].reason
    assert 77 in ids()


def test_limit_sample_and_window_narrow_a_prototype(moments: Sql) -> None:
    moments("insert into items select g, timestamptz '2013-06-01 00:00+00' from generate_series(100, 2099) g")
    keyed: dict[str, Any] = {"primary_key": ("id",), "cursor": "at"}
    assert ids(limit=3, **keyed) == [0, 1, 2]
    assert ids(window=timedelta(hours=2), **keyed) == [7, 8, 9]
    sampled = ids(sample=0.1, **keyed)
    assert 120 < len(sampled) < 290
    assert ids(sample=0.1, **keyed) == sampled
    assert set(sampled) < set(ids(sample=0.5, **keyed)), "a larger sample holds the smaller one"
    assert len(ids(sample=0.1)) < 290, "without a key, by the whole row"


def test_production_reads_everything(moments: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_ENV", "prod")
    assert ids(limit=1, sample=0.1, window=timedelta(hours=1), cursor="at", primary_key=("id",)) == list(
        range(10)
    )


def test_a_window_needs_a_cursor_in_time(sql: Sql) -> None:
    sql("create table items (id int)")
    with pytest.raises(SourceError, match="`window` of items needs a cursor that is a date"):
        ids(window=timedelta(hours=1), cursor="id")


def test_a_read_is_one_snapshot(sql: Sql) -> None:
    sql("create table items (id int, at timestamptz default now()); insert into items values (1)")
    with postgres_reader("shop_postgres", "items").open(Span()) as extraction:
        sql("insert into items values (2); update items set id = 9; ")
        pieces = list(extraction.pieces())
    assert [row["id"] for piece in pieces for row in piece.rows.to_pylist()] == [1]


def test_the_catalog_and_the_rows_are_of_one_read_only_snapshot(sql: Sql) -> None:
    sql("""
        create view items as select current_setting('transaction_isolation') as isolation,
            current_setting('transaction_read_only') as read_only
    """)
    found = read(postgres_reader("shop_postgres", "items"))
    assert found.rows == [{"isolation": "repeatable read", "read_only": "on"}]


def test_many_rows_arrive_once_each_in_pieces_of_bounded_size(sql: Sql) -> None:
    sql("create table items as select g as id, repeat('x', 400) as t from generate_series(1, 60000) g")
    with postgres_reader("shop_postgres", "items").open(Span()) as extraction:
        pieces = [piece.rows for piece in extraction.pieces()]
    assert len(pieces) > 2
    assert max(piece.nbytes for piece in pieces) < 16 * 1024 * 1024
    numbers = [number for piece in pieces for number in piece.column("id").to_pylist()]
    assert sorted(numbers) == list(range(1, 60001))


def test_leaving_early_ends_a_query_that_would_never_end(sql: Sql) -> None:
    sql("create view items as select generate_series(1, 1000000000000) as id")
    with postgres_reader("shop_postgres", "items").open(Span()) as extraction:
        assert next(extraction.pieces()).rows.num_rows > 0
    left = sql(
        "select count(*) from pg_stat_activity where application_name = 'headrace' and state = 'active'"
    )
    assert left == [(0,)]


def test_a_reader_writes_nothing(sql: Sql) -> None:
    sql("""
        create table noted (id int);
        create function note() returns int language plpgsql as
            $$ begin insert into public.noted values (1); return 1; end $$;
        create view items as select note() as id
    """)
    with pytest.raises(SourceError, match="read-only transaction"):
        ids()
    assert sql("select count(*) from noted") == [(0,)]


def test_an_error_of_the_data_in_mid_stream_is_permanent(sql: Sql) -> None:
    sql("create view items as select 1 / (g - 90000) as id from generate_series(1, 100000) g")
    with pytest.raises(SourceError, match="division by zero"):
        ids()


def test_a_connection_lost_in_mid_stream_may_pass(sql: Sql) -> None:
    sql("create table items as select g as id, repeat('x', 400) as t from generate_series(1, 200000) g")
    with (
        pytest.raises(PassingError, match="broke off"),
        postgres_reader("shop_postgres", "items").open(Span()) as extraction,
    ):
        pieces = extraction.pieces()
        next(pieces)
        sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'headrace'")
        list(pieces)


def test_a_lock_that_is_held_may_pass(
    sql: Sql, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    sql("create table items (id int)")
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP_POSTGRES", postgres.connection_json(extra={"options": "-c lock_timeout=200ms"})
    )
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        import psycopg

        with psycopg.connect(postgres.dsn) as connection:
            connection.execute("lock table public.items in access exclusive mode")
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(PassingError, match="lock timeout"):
            ids()
    finally:
        done.set()
        holder.join()


@pytest.fixture
def someone(sql: Sql) -> Iterator[Sql]:
    sql("create role someone login password 'someone''s own'")
    yield sql
    sql("drop owned by someone; drop role someone")


def test_a_missing_grant_is_permanent(
    someone: Sql, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    someone("create table items (id int, secret text); grant usage on schema public to someone")
    json_text = postgres.connection_json().replace('"login": "headrace"', '"login": "someone"')
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_POSTGRES", json_text.replace(postgres.password, "someone's own"))
    with pytest.raises(SourceError, match="grant it SELECT"):
        ids()
    someone("grant select (id) on items to someone")
    with pytest.raises(SourceError, match="permission denied"):
        ids()
    assert ids(exclude=("secret",)) == []


@pytest.mark.parametrize(
    ("was", "becomes", "kind", "says"),
    [
        ("PASSWORD", "not-the-password", SourceError, "password authentication failed"),
        ('"schema": "postgres"', '"schema": "nowhere"', SourceError, 'database "nowhere" does not exist'),
        ('"extra": {}', '"extra": {"sslmode": "require"}', SourceError, "does not support SSL"),
        ('"extra": {}', '"extra": {"no_such": "x"}', SourceError, "no parameter of libpq; it has no_such"),
        ("PORT", "FREE", PassingError, "Is the server up and reachable?"),
    ],
)
def test_a_connection_that_fails_says_why_without_its_password(
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    was: str,
    becomes: str,
    kind: type[Exception],
    says: str,
) -> None:
    was = was.replace("PASSWORD", postgres.password).replace("PORT", str(postgres.port))
    text = postgres.connection_json().replace(was, becomes.replace("FREE", str(free_port())))
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_POSTGRES", text)
    with pytest.raises(kind) as caught:
        ids()
    assert says in str(caught.value)
    assert postgres.password not in str(caught.value)
    assert "not-the-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("[libpq] Execution error: ERROR:  invalid byte sequence for encoding", SourceError),
        ("[libpq] Execution error: ERROR:  canceling statement due to conflict with recovery", PassingError),
        ("[libpq] SSL SYSCALL error: EOF detected", PassingError),
    ],
)
def test_an_error_without_a_code_is_told_apart_by_its_words(said: str, kind: type[Exception]) -> None:
    error = statement_error(OSError(f"{said} for s3cret\nQuery was: select 1"), "items", "s3cret")
    assert type(error) is kind
    assert "s3cret" not in str(error)
    assert "select 1" not in str(error)


def test_a_connection_that_is_not_defined_is_permanent() -> None:
    with pytest.raises(SourceError, match="no Airflow connection 'nothing'"):
        read(postgres_reader("nothing", "items"))
