"""A PostgreSQL table that several readers share: every row once, out of one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest

from include.headrace.readers import postgres, postgres_connection, postgres_split
from include.headrace.readers.base import Piece, Span, streams_of
from include.headrace.readers.postgres_split import Pages, divided
from tests.support.reading import postgres_reader, read

Sql = Callable[..., Any]

ROWS = 5_000
"""Of a hundred bytes and more: over 70 pages."""

FILL = f"insert into items select g, repeat('x', 100), now() from generate_series(1, {ROWS}) g"


@pytest.fixture(autouse=True)
def small_tables_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_split, "PAGES_PER_READER", 1)


@pytest.fixture
def items(sql: Sql) -> Sql:
    sql(f"create table items (id int, t text, at timestamptz); {FILL}")
    return sql


def streams(name: str = "items", span: Span | None = None, **fields: Any) -> list[list[Piece]]:
    with postgres_reader("shop_postgres", name, **fields).open(span or Span()) as extraction:
        return [list(stream) for stream in streams_of(extraction)]


def ids(pieces: list[Piece]) -> list[int]:
    return [one for piece in pieces for one in piece.rows.column("id").to_pylist()]


def merged(found: Iterable[list[int]]) -> list[int]:
    return sorted(chain(*found))


@pytest.mark.parametrize("readers", [2, 3, 4])
def test_each_row_is_in_one_stream_and_the_streams_are_of_about_one_size(items: Sql, readers: int) -> None:
    found = [ids(stream) for stream in streams(readers=readers)]
    assert len(found) == readers
    assert merged(found) == list(range(1, ROWS + 1))
    assert min(map(len, found)) > ROWS / readers / 2


def test_a_shared_table_read_as_one_has_the_same_rows(items: Sql) -> None:
    whole = read(postgres_reader("shop_postgres", "items"))
    shared = read(postgres_reader("shop_postgres", "items", readers=3))
    assert shared.rows == whole.rows
    assert shared.table.schema.equals(whole.table.schema, check_metadata=True)


def test_every_reader_sees_the_first_ones_snapshot(items: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    def change_before_the_second(*arguments: Any) -> AbstractContextManager[Any]:
        opened.append(arguments)
        if len(opened) == 2:
            items("delete from items where id % 2 = 0")
            items("update items set id = id + 100000 where id % 3 = 0")
            items(FILL.replace("select g,", "select g + 500000,"))
        return postgres_connection.connected(*arguments)

    monkeypatch.setattr(postgres, "connected", change_before_the_second)
    found = [ids(stream) for stream in streams(readers=4)]
    assert len(opened) == 4
    assert merged(found) == list(range(1, ROWS + 1))


def test_rows_that_came_after_the_snapshot_are_not_read(items: Sql) -> None:
    with postgres_reader("shop_postgres", "items", readers=2).open(Span()) as extraction:
        items(FILL.replace("select g,", "select g + 500000,"))
        items("delete from items where id <= 10")
        found = [ids(list(stream)) for stream in streams_of(extraction)]
    assert merged(found) == list(range(1, ROWS + 1))


def test_the_last_range_has_no_end_so_that_a_table_that_grew_is_whole(
    items: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:

    def of_an_older_size(*arguments: Any) -> list[Pages]:
        assert postgres_split.page_ranges(*arguments)[-1].end is None
        return [Pages(0, 3), Pages(3, None)]

    monkeypatch.setattr(postgres, "page_ranges", of_an_older_size)
    first, last = (ids(stream) for stream in streams(readers=2))
    assert 0 < len(first) < ROWS / 10
    assert sorted(first + last) == list(range(1, ROWS + 1))


@pytest.mark.parametrize(("rows", "found"), [(0, 0), (1, 1)])
def test_a_table_of_no_page_or_one_has_one_reader(sql: Sql, rows: int, found: int) -> None:
    sql(f"create table items (id int); insert into items select g from generate_series(1, {rows}) g")
    [only] = streams(readers=4)
    assert len(ids(only)) == found


def test_a_table_in_parts_of_any_size_is_shared(sql: Sql) -> None:
    sql("""
        create table items (id int, t text) partition by range (id);
        create table a partition of items for values from (0) to (10);
        create table b partition of items for values from (10) to (1000);
        create table c partition of items for values from (1000) to (100000) partition by range (id);
        create table c1 partition of c for values from (1000) to (2000);
        create table c2 partition of c for values from (2000) to (100000);
        insert into items select g, repeat('x', 100) from generate_series(1, 5000) g
    """)
    found = [ids(stream) for stream in streams(readers=3)]
    assert merged(found) == list(range(1, 5001))
    assert min(map(len, found)) > 1000


def test_a_materialised_view_is_shared(items: Sql) -> None:
    items("create materialized view kept as select id from items")
    found = [ids(stream) for stream in streams("kept", readers=2)]
    assert len(found) == 2 and merged(found) == list(range(1, ROWS + 1))


@pytest.mark.parametrize(
    ("set_up", "name", "why"),
    [
        ("create view seen as select * from items", "seen", "it is a view"),
        ("alter table items enable row level security", "items", "row-level security"),
    ],
)
def test_what_no_range_of_pages_reads_has_one_reader_and_the_log_says_why(
    items: Sql, caplog: pytest.LogCaptureFixture, set_up: str, name: str, why: str
) -> None:
    items(set_up)
    with caplog.at_level("INFO", postgres_split.__name__):
        [only] = streams(name, readers=3)
    assert sorted(ids(only)) == list(range(1, ROWS + 1))
    assert f"public.{name} has one reader instead of 3" in caplog.text and why in caplog.text


@pytest.mark.parametrize(
    ("span", "fields", "rows"),
    [
        (Span(lower="2000"), {"cursor": "id"}, ROWS - 1999),
        (Span(), {"limit": 7, "primary_key": ("id",)}, 7),
        (Span(), {"cursor": "at", "window": timedelta(hours=1)}, ROWS),
    ],
)
def test_a_part_of_a_table_has_one_reader(items: Sql, span: Span, fields: dict[str, Any], rows: int) -> None:
    [only] = streams(span=span, readers=3, **fields)
    assert len(ids(only)) == rows


def test_a_first_load_up_to_a_bound_is_shared(items: Sql) -> None:
    found = [ids(stream) for stream in streams(span=Span(upper="4001"), cursor="id", readers=2)]
    assert len(found) == 2 and merged(found) == list(range(1, 4001))


def test_a_sample_of_a_shared_table_has_the_rows_that_it_has_of_a_whole_one(items: Sql) -> None:
    [whole] = streams(sample=0.2)
    shared = streams(sample=0.2, readers=3)
    assert len(shared) == 3
    assert merged(map(ids, shared)) == sorted(ids(whole))
    assert 0.1 * ROWS < len(ids(whole)) < 0.3 * ROWS


def test_without_a_key_the_place_of_a_row_set_aside_is_told_from_others(sql: Sql) -> None:
    sql("create table items (id int, t text, d date)")
    sql("insert into items select g, repeat('x', 100), 'infinity' from generate_series(1, 500) g")
    found = [[one for piece in stream for one in piece.rejected] for stream in streams(readers=2)]
    positions = [one.position for stream in found for one in stream]
    assert len(set(positions)) == len(positions) == 500
    assert positions[0] == "public.items from page 0 row 1"
    assert found[1][0].position.startswith("public.items from page ")
    assert found[1][0].position.endswith(" row 1")


def sizes_of(ranges: list[Pages], sizes: list[int]) -> Iterator[int]:
    for one in ranges:
        yield sum(max(0, min(size, one.end or size) - one.first) for size in sizes)


@pytest.mark.parametrize(
    "sizes", [[0], [1], [7], [100], [100, 1], [50, 50, 50], [1, 2, 300], [40, 0, 10], [3, 3]]
)
@pytest.mark.parametrize("parts", [0, 1, 2, 3, 7])
def test_ranges_hold_every_page_once_and_about_as_many_each(sizes: list[int], parts: int) -> None:
    ranges = divided(sizes, parts)
    assert ranges[0].first == 0 and ranges[-1].end is None
    assert [one.end for one in ranges[:-1]] == [one.first for one in ranges[1:]]
    assert sum(sizes_of(ranges, sizes)) == sum(sizes)
    # A boundary is a page of every table, so that a range may be off by a page of each.
    fair = sum(sizes) / max(1, parts)
    assert all(size <= fair + len(sizes) for size in sizes_of(ranges, sizes))


def test_no_tables_at_all_are_one_range() -> None:
    assert divided([], 0) == [Pages(0, None)]
