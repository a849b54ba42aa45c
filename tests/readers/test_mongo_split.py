"""A collection that several cursors read: every document once, or one reader where that cannot be."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from pymongo.collection import Collection

from include.headrace.readers.base import Extraction, Span, streams_of
from include.headrace.readers.mongo_connection import SNAPSHOT_TOO_OLD
from tests.support.mongo import mongo_reader

Items = Collection[dict[str, Any]]

IDS: list[Any] = [
    *(MinKey(), MaxKey(), None, True, False, "", "x", {}, {"a": 1}, {"b": None}, b"", b"bin"),
    *(Binary(b"u" * 16, 4), ObjectId(), Timestamp(1, 1), Code("f()"), Decimal128("3.5")),
    *(float("nan"), float("inf"), -5, 2.5, Int64(2**62), datetime(2020, 1, 1), datetime(1960, 1, 1)),
]


@pytest.fixture
def kept(collection: Items) -> Items:
    """The server passes for one that reads at a given time: it refuses the first find, which asks for one
    of long ago. What is read meanwhile does not change here."""
    refusal = {"failCommands": ["find"], "errorCode": SNAPSHOT_TOO_OLD}
    fail = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": refusal}
    collection.database.client.admin.command(fail)
    return collection


def read_parts(extraction: Extraction) -> list[list[str]]:
    """The payloads of each stream, all read at the same time, and of documents set aside their record."""
    streams = streams_of(extraction)
    with ThreadPoolExecutor(len(streams)) as pool:
        return list(
            pool.map(
                lambda stream: [
                    text
                    for piece in stream
                    for text in [
                        *piece.rows.column("payload").to_pylist(),
                        *(one.record for one in piece.rejected),
                    ]
                ],
                streams,
            )
        )


def parts(readers: int = 4, span: Span | None = None, **fields: Any) -> list[list[str]]:
    with mongo_reader("shop_mongo", readers=readers, **fields).open(span or Span()) as extraction:
        return read_parts(extraction)


def test_documents_with_keys_of_every_type_are_in_one_part_each(kept: Items) -> None:
    kept.insert_many([{"_id": key, "place": place} for place, key in enumerate(IDS)])
    found = parts()
    assert len(found) == 4
    documents = [text for part in found for text in part]
    assert len(documents) == len(IDS)
    for place in range(len(IDS)):
        [_] = [text for text in documents if re.search(rf'"place" ?: ?{place} ?}}', text)]


@pytest.mark.parametrize("count", [0, 1, 2, 5000])
def test_every_document_is_read_once(kept: Items, count: int) -> None:
    if count:
        kept.insert_many([{"_id": number} for number in range(count)])
    else:
        kept.database.create_collection("items")
    found = parts()
    assert sorted(text for part in found for text in part) == sorted(
        f'{{"_id":{number}}}' for number in range(count)
    )
    if count == 5000:
        assert len(found) == 4
        assert min(map(len, found)) > 500


def test_one_thread_reads_all_parts_too(kept: Items) -> None:
    kept.insert_many([{"_id": number} for number in range(100)])
    with mongo_reader("shop_mongo", readers=3).open(Span()) as extraction:
        assert len(streams_of(extraction)) == 3
        assert sum(piece.rows.num_rows for piece in extraction.pieces()) == 100


def test_leaving_early_closes_every_cursor(kept: Items) -> None:
    def still_open() -> int:
        status = kept.database.client.admin.command("serverStatus")
        return int(status["metrics"]["cursor"]["open"]["total"])

    kept.insert_many([{"_id": number, "t": "x" * 400_000} for number in range(150)])
    before = still_open()
    with mongo_reader("shop_mongo", readers=3).open(Span()) as extraction:
        next(iter(streams_of(extraction)[0]))
        assert still_open() > before
    assert still_open() == before


def one_reader(caplog: pytest.LogCaptureFixture, because: str, **fields: Any) -> list[str]:
    with caplog.at_level(logging.INFO):
        [found] = parts(**fields)
    assert f"is read by one reader: {because}" in caplog.text
    return found


def test_a_server_that_heeds_no_time_has_one_reader(
    collection: Items, caplog: pytest.LogCaptureFixture
) -> None:
    collection.insert_many([{"_id": number} for number in range(10)])
    assert len(one_reader(caplog, "the server does not read at a given time")) == 10


def test_a_view_and_a_part_have_one_reader(kept: Items, caplog: pytest.LogCaptureFixture) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    kept.insert_many([{"_id": n, "at": start + timedelta(hours=n)} for n in range(10)])
    kept.database.create_collection("seen", viewOn="items", pipeline=[{"$match": {"_id": {"$lt": 5}}}])
    kept.database.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert len(one_reader(caplog, "it is a view", name="seen")) == 5
    in_time: dict[str, Any] = {"cursor": "at", "primary_key": ("_id",), "columns": {"at": "TIMESTAMP_TZ"}}
    span = Span(lower="2024-01-01T03:00:00Z")
    assert len(one_reader(caplog, "only a part of it is read", span=span, **in_time)) == 7
    caplog.clear()
    assert len(one_reader(caplog, "only a part of it is read", limit=4)) == 4
