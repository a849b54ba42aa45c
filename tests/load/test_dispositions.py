from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from include.headrace.errors import SourceError
from include.headrace.readers.base import Rejected, Span
from include.headrace.stage import Window
from tests.support.loads import ORDERS, MemoryExtraction, Shop, batch, orders_table

NOON = datetime(2024, 5, 1, 12)


def order(number: int, state: str, minutes: int = 0) -> dict[str, object]:
    return {"id": number, "state": state, "changed": NOON + timedelta(minutes=minutes)}


def test_merge_inserts_new_keys_and_updates_known_ones(shop: Shop) -> None:
    shop.stage_and_load([order(1, "new"), order(2, "new")])
    row = shop.stage_and_load([order(2, "paid", 5), order(3, "new", 5)])
    assert shop.rows() == [(1, "new"), (2, "paid"), (3, "new")]
    assert (row["rows_inserted"], row["rows_updated"], row["rows_deleted"]) == (1, 1, 0)
    assert (row["rows_extracted"], row["rows_staged"], row["rows_loaded"]) == (2, 2, 2)


def test_merge_keeps_the_newer_row_when_an_older_one_arrives_late(shop: Shop) -> None:
    shop.stage_and_load([order(1, "paid", 10)])
    row = shop.stage_and_load([order(1, "new", 0)])
    assert shop.rows() == [(1, "paid")]
    assert row["rows_updated"] == 0


def test_merge_takes_the_latest_of_doubled_keys_in_one_load(shop: Shop) -> None:
    row = shop.stage_and_load([order(1, "sent", 9), order(1, "new", 1), order(1, "paid", 5)])
    assert shop.rows() == [(1, "sent")]
    assert (row["rows_staged"], row["rows_inserted"]) == (3, 1)


def test_merge_of_equal_cursors_takes_the_row_that_stood_last(shop: Shop) -> None:
    shop.stage_and_load([order(1, "first"), order(1, "second")])
    assert shop.rows() == [(1, "second")]


def test_merge_leaves_unchanged_rows_untouched(shop: Shop) -> None:
    first = shop.stage_and_load([order(1, "new"), order(2, "new")])
    again = shop.stage_and_load([order(1, "new"), order(2, "paid")])
    assert again["rows_updated"] == 1
    assert shop.rows('"ID", "_LOAD_ID"') == [(1, first["load_id"]), (2, again["load_id"])]


def test_merge_without_a_cursor_takes_what_the_source_says_now(shop: Shop) -> None:
    table = orders_table(cursor=None)
    shop.stage_and_load([order(1, "paid", 10)], table)
    shop.stage_and_load([order(1, "new", 0)], table)
    assert shop.rows() == [(1, "new")]


def test_replace_leaves_exactly_the_rows_of_the_last_load(shop: Shop) -> None:
    table = orders_table(disposition="replace", cursor=None, primary_key=None)
    shop.stage_and_load([order(1, "a"), order(2, "b"), order(3, "c")], table)
    row = shop.stage_and_load([order(2, "B"), order(4, "d")], table)
    assert shop.rows() == [(2, "B"), (4, "d")]
    assert (row["rows_inserted"], row["rows_deleted"]) == (2, 3)


def test_append_from_the_watermark_adds_rows_and_moves_the_watermark(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    shop.stage_and_load([order(1, "a", 1)], table)
    shop.stage_and_load([order(2, "b", 2), order(3, "c", 3)], table)
    assert shop.rows() == [(1, "a"), (2, "b"), (3, "c")]
    fence = shop.query(f'SELECT * FROM "RAW"."HEADRACE"."FENCE__{shop.source.upper()}__ORDERS"')
    assert [(row["watermark"], row["epoch"]) for row in fence] == [("2024-05-01 12:03:00.000000", 2)]


def test_append_of_rows_read_before_another_load_moved_the_watermark_doubles_nothing(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    rows = [order(1, "a", 1), order(2, "b", 2)]
    first = shop.stage(MemoryExtraction(ORDERS, [batch(rows)]), table)
    second = shop.stage(MemoryExtraction(ORDERS, [batch([*rows, order(3, "c", 3)])]), table)
    shop.load(first, table)
    shop.load(second, table)
    assert shop.rows() == [(1, "a"), (2, "b"), (3, "c")]


def test_append_with_a_key_skips_rows_of_the_overlap(shop: Shop) -> None:
    table = orders_table(disposition="append")
    shop.stage_and_load([order(1, "a", 1), order(2, "b", 2)], table)
    row = shop.stage_and_load([order(2, "b", 2), order(3, "late", 1)], table)
    assert shop.rows() == [(1, "a"), (2, "b"), (3, "late")]
    assert row["rows_inserted"] == 1


def interval(start: int, end: int) -> Window:
    first, last = NOON + timedelta(minutes=start), NOON + timedelta(minutes=end)
    return Window(
        Span(lower=str(first), upper=str(last)),
        interval_start=first.isoformat(),
        interval_end=last.isoformat(),
    )


def test_an_interval_loaded_again_replaces_its_rows_alone(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    shop.stage_and_load([order(1, "a", 1), order(2, "b", 9)], table, window=interval(0, 10))
    shop.stage_and_load([order(3, "c", 10), order(4, "d", 19)], table, window=interval(10, 20))
    row = shop.stage_and_load([order(1, "A", 1)], table, window=interval(0, 10))
    assert shop.rows() == [(1, "A"), (3, "c"), (4, "d")]
    assert (row["rows_deleted"], row["rows_inserted"]) == (2, 1)


def test_merge_takes_a_null_cursor_for_older_than_any(shop: Shop) -> None:
    unknown = [{"id": number, "state": "unknown", "changed": None} for number in (1, 2)]
    shop.stage_and_load([order(1, "new", 1), *unknown])
    assert shop.rows() == [(1, "new"), (2, "unknown")]
    later = shop.stage_and_load([unknown[0], {**unknown[1], "state": "still unknown"}])
    assert (later["rows_updated"], shop.rows()) == (1, [(1, "new"), (2, "still unknown")])
    shop.stage_and_load([order(2, "known", 0)])
    assert shop.rows() == [(1, "new"), (2, "known")]


def test_merge_of_equal_cursors_takes_the_later_load(shop: Shop) -> None:
    shop.stage_and_load([order(1, "first", 5)])
    assert shop.stage_and_load([order(1, "second", 5)])["rows_updated"] == 1
    assert shop.rows() == [(1, "second")]


def test_backfills_again_and_in_any_order_give_the_same_rows(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    early, late = [order(1, "a", 1), order(2, "b", 9)], [order(3, "c", 10), order(4, "d", 19)]
    for start, rows in [(10, late), (0, early), (10, late)]:
        shop.stage_and_load(rows, table, window=interval(start, start + 10))
    assert shop.rows() == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    # None of them began at the watermark, so the next load reads all and takes their place.
    assert shop.watermark() is None
    shop.stage_and_load([*early, *late, order(5, "e", 20)], table)
    assert shop.rows() == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]


def test_an_appended_row_whose_cursor_moved_is_in_both_intervals_until_the_earlier_is_loaded_again(
    shop: Shop,
) -> None:
    table = orders_table(disposition="append")
    shop.stage_and_load([order(1, "a", 1)], table, window=interval(0, 10))
    shop.stage_and_load([order(1, "b", 12)], table, window=interval(10, 20))
    assert shop.rows() == [(1, "a"), (1, "b")]
    shop.stage_and_load([], table, window=interval(0, 10))
    assert shop.rows() == [(1, "b")]


def test_a_backfill_beyond_the_watermark_leaves_the_gap_to_be_read(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    shop.stage_and_load([order(1, "a", 1)], table)
    shop.stage_and_load([order(3, "c", 30)], table, window=interval(25, 35))
    assert shop.watermark() == "2024-05-01 12:01:00.000000"
    shop.stage_and_load(
        [order(2, "b", 10), order(3, "c", 30)], table, window=Window(Span(lower=shop.watermark()))
    )
    assert shop.rows() == [(1, "a"), (2, "b"), (3, "c")]
    assert shop.watermark() == "2024-05-01 12:30:00.000000"


def test_a_sample_does_not_move_the_watermark_and_the_whole_takes_its_place(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    row = shop.stage_and_load([order(2, "b", 2)], table, window=Window(Span(), sampled=True))
    assert (row["sampled"], shop.watermark()) == (True, None)
    shop.stage_and_load([order(1, "a", 1), order(2, "b", 2)], table)
    assert shop.rows() == [(1, "a"), (2, "b")]


def test_the_watermark_of_another_cursor_says_nothing(shop: Shop) -> None:
    schema = ORDERS.append(pa.field("seen", pa.int64()))
    table = orders_table(disposition="append", primary_key=None)
    shop.stage_and_load([{**order(1, "a", 1), "seen": 9}], table, schema=schema)
    other = orders_table(disposition="append", primary_key=None, cursor="seen")
    shop.stage_and_load(
        [{**order(1, "a", 1), "seen": 9}, {**order(2, "b", 0), "seen": 4}], other, schema=schema
    )
    assert shop.rows() == [(1, "a"), (2, "b")]
    assert shop.watermark() == "9"


def test_a_cursor_of_text_is_refused_with_the_remedy(shop: Shop) -> None:
    with pytest.raises(SourceError, match=r"cursor 'state' .* lands as text.*give its type under `columns`"):
        shop.stage_and_load([order(1, "a")], orders_table(cursor="state"))


def test_a_row_set_aside_again_by_an_overlap_is_kept_once(shop: Shop) -> None:
    table = orders_table()
    bad = (Rejected("row 7", "infinite time", '{"id": 7}'),)
    for _ in range(2):
        shop.load(shop.stage(MemoryExtraction(ORDERS, [batch([order(1, "a")])], bad), table), table)
    assert shop.rows('"POSITION", "RECORD"', "ORDERS__QUARANTINE") == [("row 7", '{"id": 7}')]


def test_columns_named_as_the_load_names_its_own_keep_their_values(shop: Shop) -> None:
    schema = ORDERS.append(pa.field("_file", pa.string())).append(pa.field("_row", pa.int64()))
    shop.stage_and_load([{**order(1, "a"), "_file": "f", "_row": 5}], schema=schema)
    assert shop.rows('"ID", "_FILE", "_ROW"') == [(1, "f", 5)]


def test_a_load_that_found_nothing_commits_a_row_of_zeros(shop: Shop) -> None:
    shop.stage_and_load([order(1, "a")])
    row = shop.stage_and_load([])
    assert shop.rows() == [(1, "a")]
    assert [row[name] for name in row if name.startswith("rows_")] == [0] * 8
    assert len(shop.loads()) == 2


def test_rows_set_aside_are_counted_and_kept_with_their_reason(shop: Shop) -> None:
    table = orders_table()
    bad = (Rejected("orders.csv:7", "3 fields, 4 expected", "1,2,3"),)
    ids = shop.stage(MemoryExtraction(ORDERS, [batch([order(1, "a")])], bad, discarded=2), table)
    row = shop.load(ids, table)
    counted = ("rows_extracted", "rows_staged", "rows_quarantined", "rows_discarded")
    assert [row[name] for name in counted] == [4, 1, 1, 2]
    assert shop.rows('"POSITION", "REASON", "RECORD"', "ORDERS__QUARANTINE") == [
        ("orders.csv:7", "3 fields, 4 expected", "1,2,3")
    ]


def test_a_null_key_is_refused_and_leaves_raw_and_loads_as_they_were(shop: Shop) -> None:
    shop.stage_and_load([order(1, "a")])
    with pytest.raises(SourceError, match=r"1 rows of .*orders have NULL in the key column ID"):
        shop.stage_and_load([order(2, "b"), {"id": None, "state": "c", "changed": NOON}])
    assert shop.rows() == [(1, "a")]
    assert len(shop.loads()) == 1
    assert len(shop.attempts("extract")) == 2


def test_a_cursor_that_is_not_there_is_refused_with_the_columns_there_are(shop: Shop) -> None:
    with pytest.raises(SourceError, match=r"no column 'updated'; it has id, state, changed"):
        shop.stage_and_load([order(1, "a")], orders_table(cursor="updated"))


def test_reserved_and_quoted_names_keep_their_rows(shop: Shop) -> None:
    schema = pa.schema([("select", pa.int64()), ('we"ird name', pa.string())])
    table = orders_table(name='order "by"', primary_key=("select",), cursor=None)
    shop.stage_and_load([{"select": 1, 'we"ird name': "it's"}], table, schema=schema)
    assert shop.rows('"SELECT", "WE_IRD_NAME"', "ORDER__BY_") == [(1, "it's")]
