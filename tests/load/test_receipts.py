from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from include.headrace.copying import check_receipts
from include.headrace.errors import CountError
from include.headrace.manifest import StagedFile
from tests.support.loads import ORDERS, MemoryExtraction, Shop, batch, orders_table

ROWS = [{"id": n, "state": "new", "changed": datetime(2024, 5, 1, 12, n)} for n in range(5)]
FILES = [
    StagedFile("00000-a-3.parquet", "rows", 3, 100, "a"),
    StagedFile("00001-b-2.parquet", "rows", 2, 90, "b"),
]


def receipt(name: str, rows: int, **other: Any) -> dict[str, Any]:
    return {"file": f"stage/{name}", "status": "LOADED", "rows_parsed": rows, "rows_loaded": rows, **other}


GOOD = [receipt("00000-a-3.parquet", 3), receipt("00001-b-2.parquet", 2)]


def test_whole_receipts_pass() -> None:
    check_receipts(FILES, GOOD, where="shop.orders")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([], "00000-a-3.parquet: no receipt"),
        (GOOD[:1], "00001-b-2.parquet: no receipt"),
        ([*GOOD, GOOD[0]], "00000-a-3.parquet: 2 receipts"),
        ([GOOD[0], receipt("00001-b-2.parquet", 1)], "1 of 2 rows"),
        ([GOOD[0], receipt("00001-b-2.parquet", 2, status="LOAD_SKIPPED")], "LOAD_SKIPPED"),
        ([*GOOD, receipt("other.parquet", 1)], "other.parquet: not in the manifest"),
        ([{"status": "Copy executed with 0 files processed."}], "no receipt"),
    ],
)
def test_any_gap_in_the_receipts_is_red(answer: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(CountError, match=told.replace(".", r"\.")):
        check_receipts(FILES, answer, where="shop.orders")


def test_a_staged_file_that_is_gone_fails_and_changes_nothing(shop: Shop) -> None:
    table = orders_table()
    shop.stage_and_load(ROWS[:1])
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS[1:])]), table)
    shop.query(f'REMOVE @"RAW"."{shop.source.upper()}"."LANDING"/{ids.path}')
    with pytest.raises(CountError, match="clear the extract task"):
        shop.load(ids, table)
    assert shop.rows() == [(0, "new")]
    assert len(shop.loads()) == 1
    assert [row["load_id"] for row in shop.attempts("load")][-1] == ids.load_id


def test_a_manifest_that_promises_more_rows_than_the_file_has_is_red(shop: Shop) -> None:
    table = orders_table()
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    shop.query('UPDATE "RAW"."HEADRACE"."FILES" SET "ROW_COUNT" = 6 WHERE "ATTEMPT_ID" = ?', [ids.attempt_id])
    with pytest.raises(CountError, match="5 of 6 rows"):
        shop.load(ids, table)
    assert shop.loads() == []


def test_a_value_lost_on_the_way_is_red(shop: Shop) -> None:
    table = orders_table()
    ids = shop.stage(MemoryExtraction(ORDERS, [batch([*ROWS[:4], {**ROWS[4], "state": None}])]), table)
    shop.query(
        'UPDATE "RAW"."HEADRACE"."FILES" SET "NON_NULL" = ? WHERE "ATTEMPT_ID" = ?',
        ['{"ID": 5, "STATE": 5, "CHANGED": 5}', ids.attempt_id],
    )
    with pytest.raises(CountError, match="STATE: 5 staged, 4 in the table"):
        shop.load(ids, table)
    assert shop.loads() == []


def test_a_manifest_that_lost_a_file_is_red(shop: Shop) -> None:
    table = orders_table()
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    shop.query('DELETE FROM "RAW"."HEADRACE"."FILES" WHERE "ATTEMPT_ID" = ?', [ids.attempt_id])
    with pytest.raises(CountError, match="1 manifests and 0 files"):
        shop.load(ids, table)
