"""Loads that come after another load of their table, which saw a newer state of the source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from include.headrace.errors import CountError
from include.headrace.ledger import LEDGER_TABLES, Ledger
from include.headrace.manifest import LoadIds
from include.headrace.readers.base import Span
from include.headrace.stage import Window
from tests.support.loads import DATABASE, ORDERS, MemoryExtraction, Shop, batch, orders_table

Rows = Sequence[dict[str, Any]]


def order(number: int, state: str, day: int) -> dict[str, Any]:
    return {"id": number, "state": state, "changed": datetime(2024, 5, day, 12)}


def interval(first: int, last: int) -> Window:
    """Whole days of May, the last not included."""
    return Window(Span(lower=f"2024-05-{first:02d} 00:00:00", upper=f"2024-05-{last:02d} 00:00:00"))


def staged(shop: Shop, rows: Rows, table: Any, window: Window | None = None) -> LoadIds:
    return shop.stage(MemoryExtraction(ORDERS, [batch(rows)]), table, window=window)


def test_a_replace_read_before_another_load_does_not_bring_back_what_was(shop: Shop) -> None:
    table = orders_table(disposition="replace", cursor=None)
    late = staged(shop, [order(1, "old", 1)], table)
    shop.load(staged(shop, [order(1, "new", 2), order(2, "new", 2)], table), table)
    with pytest.raises(CountError, match=r"read before 1 other loads .* Clear the extract task"):
        shop.load(late, table)
    assert shop.rows() == [(1, "new"), (2, "new")]
    assert len(shop.loads()) == 1


def test_an_interval_read_before_another_load_brought_rows_into_it_is_refused(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    late = staged(shop, [order(1, "old", 3)], table, interval(1, 10))
    shop.load(staged(shop, [order(1, "old", 3), order(2, "new", 4)], table), table)
    with pytest.raises(CountError, match="read before 2 rows that other loads brought since"):
        shop.load(late, table)
    assert shop.rows() == [(1, "old"), (2, "new")]


def test_an_interval_that_other_loads_did_not_touch_is_applied_late(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    late = staged(shop, [order(1, "first", 3)], table, interval(1, 4))
    shop.load(staged(shop, [order(2, "second", 5)], table, interval(4, 7)), table)
    shop.load(late, table)
    assert shop.rows() == [(1, "first"), (2, "second")]


def test_a_merge_read_before_another_load_is_applied_and_overwrites_nothing_newer(shop: Shop) -> None:
    table = orders_table()
    late = staged(shop, [order(1, "old", 1), order(3, "only here", 1)], table)
    shop.load(staged(shop, [order(1, "new", 2), order(2, "new", 2)], table), table)
    shop.load(late, table)
    assert shop.rows() == [(1, "new"), (2, "new"), (3, "only here")]


def test_a_column_added_by_a_try_that_failed_does_not_count_as_another_load(shop: Shop) -> None:
    table = orders_table(disposition="replace", cursor=None)
    shop.load(staged(shop, [order(1, "old", 1)], table), table)
    ids = staged(shop, [order(1, "new", 2)], table)
    session = shop.open_session()
    ledger = Ledger(session, DATABASE)
    assert ledger.swap_fence(ids, ledger.fence(ids).epoch)
    session.close()
    shop.load(ids, table)
    assert shop.rows() == [(1, "new")]


def test_a_ledger_of_before_gets_the_columns_that_are_new_and_keeps_its_rows(shop: Shop) -> None:
    shop.stage_and_load([order(1, "old", 1)])
    shop.query('ALTER TABLE "RAW"."HEADRACE"."LOADS" DROP COLUMN "EPOCH"')
    shop.stage_and_load([order(2, "new", 2)])
    columns = [row["name"] for row in shop.query('DESCRIBE TABLE "RAW"."HEADRACE"."LOADS"')]
    assert sorted(columns) == sorted(LEDGER_TABLES["LOADS"])
    assert [row["epoch"] for row in shop.loads()] == [None, 2]
