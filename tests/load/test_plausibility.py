"""Loads that would leave a table empty or much smaller, and loads that set too many rows aside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from include.headrace.config import PostgresTable
from include.headrace.errors import CountError
from include.headrace.manifest import LoadIds
from include.headrace.plausibility import allowed, check_shrink
from include.headrace.readers.base import Rejected, Span
from include.headrace.stage import Window
from tests.support.loads import ORDERS, MemoryExtraction, Shop, batch, orders_table


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "state": "new", "changed": None} for number in range(count)]


def replaced(**fields: Any) -> PostgresTable:
    return orders_table(disposition="replace", cursor=None, primary_key=None, **fields)


def count(shop: Shop) -> int:
    return len(shop.rows('"ID"'))


def test_a_table_with_rows_is_not_replaced_by_nothing_unless_told(shop: Shop) -> None:
    table = replaced()
    shop.stage_and_load(rows(2), table)
    empty = shop.stage(MemoryExtraction(ORDERS, []), table)
    with pytest.raises(CountError, match=r"would make .* empty: it has 2 rows in RAW, and 0 would be left"):
        shop.load(empty, table)
    assert (count(shop), len(shop.loads())) == (2, 1)
    assert replace(shop.loader(empty, table), allow_shrink=True).run()["rows_deleted"] == 2
    assert count(shop) == 0


def test_a_table_of_a_hundred_rows_does_not_lose_more_than_its_share(shop: Shop) -> None:
    shop.stage_and_load(rows(100), replaced())
    with pytest.raises(CountError, match="much smaller: it has 100 rows in RAW, and 49 would be left"):
        shop.stage_and_load(rows(49), replaced())
    assert count(shop) == 100
    shop.stage_and_load(rows(50), replaced())
    assert count(shop) == 50


def test_a_sample_and_the_whole_after_it_are_not_held_to_the_tables_size(shop: Shop) -> None:
    shop.stage_and_load(rows(2), replaced())
    sample = Window(Span(), sampled=True)
    shop.stage_and_load([], replaced(), window=sample)
    assert count(shop) == 0
    shop.stage_and_load(rows(2), replaced(), window=sample)
    shop.stage_and_load([], replaced())
    assert count(shop) == 0


@pytest.mark.parametrize(
    ("share", "before", "after", "refused"),
    [
        (0.5, 0, 0, False),
        (0.5, 99, 1, False),
        (0.5, 1, 0, True),
        (0.0, 100, 99, True),
        (0.0, 100, 100, False),
        (0.2, 100, 80, False),
        (0.2, 100, 79, True),
        (1.0, 5000, 0, False),
    ],
)
def test_which_sizes_are_refused(share: float, before: int, after: int, refused: bool) -> None:
    ids = LoadIds("shop", "orders", "0" * 32, "1" * 32)
    if not refused:
        check_shrink(ids, replaced(max_shrink=share), before, after)
        return
    with pytest.raises(CountError, match=r"include/sources/shop\.yml"):
        check_shrink(ids, replaced(max_shrink=share), before, after)


def test_too_many_rows_set_aside_apply_nothing_and_stay_to_be_looked_at(shop: Shop) -> None:
    table = orders_table(max_quarantined=3)
    shop.stage_and_load(rows(1), table)
    bad = [Rejected(f"row {n}", "no number" if n < 3 else f"reason {n}", str(n)) for n in range(6)]
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(rows(2))], tuple(bad)), table)
    with pytest.raises(CountError) as error:
        shop.load(ids, table)
    told = str(error.value)
    assert "6 of 8 rows" in told
    assert "3 times no number (row 0); 1 times reason 3 (row 3); 1 times reason 4 (row 4)" in told
    assert "reason 5" not in told
    assert (count(shop), len(shop.loads()), shop.rows('"RECORD"', "ORDERS__QUARANTINE")) == (1, 1, [])
    kept = told.split("The rows are in ")[1].split(" until")[0]
    assert [row["record"] for row in shop.query(f'SELECT * FROM {kept} ORDER BY "RECORD"')] == list("012345")
    assert shop.load(ids, orders_table(max_quarantined=6))["rows_quarantined"] == 6


@pytest.mark.parametrize(
    ("limit", "of", "most"),
    [(None, 50, 100), (None, 1000, 100), (None, 2000, 200), (7, 1000, 7), (0, 10, 0), ("5%", 40, 2)],
)
def test_how_many_rows_may_be_set_aside(limit: int | str | None, of: int, most: int) -> None:
    assert allowed(limit, of) == most
