"""An extraction of several streams on its way to RAW: its files, their order, and a PUT that fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pytest

from include.headrace import part_writer
from include.headrace.errors import HeadraceError, SourceError
from include.headrace.manifest import LoadIds
from include.headrace.readers.base import Piece, Span
from include.headrace.stage import Window, stage_extraction
from tests.support.loads import ORDERS, Shop, batch, orders_table

NOON = datetime(2024, 1, 1, 12)


@dataclass(frozen=True)
class Streams:
    """An extraction whose rows come in several streams."""

    given: Sequence[Sequence[pa.RecordBatch]]
    schema: pa.Schema = ORDERS

    def pieces(self) -> Iterator[Piece]:
        for stream in self.streams():
            yield from stream

    def streams(self) -> Sequence[Iterator[Piece]]:
        return [iter([Piece(rows) for rows in stream]) for stream in self.given]


@pytest.fixture(autouse=True)
def every_batch_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_writer, "TARGET_FILE_BYTES", 1)
    monkeypatch.setattr(part_writer, "ROW_GROUP_BYTES", 1)


def orders(*ids: int, state: str, changed: datetime = NOON) -> pa.RecordBatch:
    return batch([{"id": one, "state": state, "changed": changed} for one in ids])


def test_of_equal_keys_the_row_that_stood_last_is_kept_also_over_streams_and_files(shop: Shop) -> None:
    # Key 1 is in every file; the last of stream 10 is the one, which is neither the last by part nor by text.
    streams = [
        [orders(1, 100 * n + m, state=f"{n}.{m}") for m in range(12 if n == 0 else 2)] for n in range(11)
    ]
    table = orders_table()
    ids = shop.stage(Streams(streams), table)
    manifest = shop.manifest(ids)
    assert len(manifest.files_of("rows")) == 32
    row = shop.load(ids, table)
    assert (row["rows_extracted"], row["rows_staged"], row["rows_loaded"]) == (64, 64, 64)
    expected = {100 * n + m: f"{n}.{m}" for n in range(11) for m in range(12 if n == 0 else 2)}
    assert shop.rows() == sorted({**expected, 1: "10.1"}.items(), key=repr)


def test_the_cursors_range_is_that_of_all_streams(shop: Shop) -> None:
    table = orders_table()
    streams = [
        [orders(1, state="a", changed=datetime(2024, 3, 1))],
        [
            orders(2, state="b", changed=datetime(2024, 1, 1)),
            orders(3, state="c", changed=datetime(2024, 9, 1)),
        ],
        [orders(4, state="d", changed=datetime(2024, 5, 1))],
    ]
    manifest = shop.manifest(shop.stage(Streams(streams), table))
    assert manifest.cursor_min is not None and manifest.cursor_min.startswith("2024-01-01")
    assert manifest.cursor_max is not None and manifest.cursor_max.startswith("2024-09-01")


def test_a_key_that_is_null_in_the_last_stream_is_refused_and_nothing_is_left(shop: Shop) -> None:
    streams = [
        [orders(n, state="a") for n in range(5)],
        [batch([{"id": None, "state": "b", "changed": NOON}])],
    ]
    with pytest.raises(SourceError, match="have NULL in the key column ID"):
        shop.stage(Streams(streams), orders_table())
    assert list(shop.folder.iterdir()) == []
    assert_no_thread_is_left()


def test_a_put_that_fails_ends_the_reading_and_leaves_no_file_on_disk(shop: Shop) -> None:
    ids = LoadIds(shop.source, "orders", "load", "attempt")
    session = shop.open_session()
    try:
        with pytest.raises(HeadraceError, match="Snowflake, while running PUT"):
            stage_extraction(
                session,
                Streams([[orders(n, state="a") for n in range(9)], [orders(9, state="b")]]),
                ids,
                location='@"RAW"."NOWHERE"."LANDING"/x/',
                folder=shop.folder,
                primary_key=("id",),
                cursor=None,
                window=Window(Span()),
            )
        # The session was in no other thread, and still answers.
        assert session.query("SELECT 1 AS one") == [{"one": 1}]
    finally:
        session.close()
    assert list(shop.folder.iterdir()) == []
    assert_no_thread_is_left()


def assert_no_thread_is_left() -> None:
    assert [one.name for one in threading.enumerate() if one.name.startswith("headrace-")] == []
