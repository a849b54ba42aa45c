"""Which documents a MongoDB reader reads, and what it says when it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp
from pymongo.collection import Collection

from include.headrace.demo.mongo_server import MongoServer
from include.headrace.errors import SourceError
from include.headrace.readers.base import Span
from include.headrace.readers.mongo_query import span_filter
from tests.support.mongo import mongo_reader, read_mongo, start_mongo
from tests.support.reading import read

Items = Collection[dict[str, Any]]

START = datetime(2013, 7, 1, tzinfo=UTC)
IN_TIME: dict[str, Any] = {"cursor": "at", "primary_key": ("_id",), "columns": {"at": "TIMESTAMP_TZ"}}
BY_NUMBER: dict[str, Any] = {"cursor": "n", "primary_key": ("_id",), "columns": {"n": "NUMBER(30,2)"}}


def ids(span: Span | None = None, **fields: Any) -> list[str]:
    found = read_mongo(span, **{"primary_key": ("_id",), **fields})
    return sorted((row["_id"] for row in found.rows), key=lambda text: (len(text), text))


def numbers(values: range | list[int]) -> list[str]:
    return [str(value) for value in values]


@pytest.mark.parametrize("name", ["order", 'we"ird name', "a.b", "Ünïcode", "system"])
def test_a_collection_with_a_difficult_name_is_read(collection: Items, name: str) -> None:
    collection.database[name].insert_one({"_id": 1})
    assert ids(name=name) == ["1"]


def test_an_empty_collection_gives_its_schema_and_no_rows(collection: Items) -> None:
    collection.database.create_collection("items")
    found = read_mongo(**IN_TIME)
    assert found.table.schema.names == ["_id", "at", "payload"]
    assert found.extracted == 0


def test_views_and_time_series_are_read(collection: Items) -> None:
    collection.insert_many([{"_id": 1, "v": 1}, {"_id": 2, "v": 2}])
    database = collection.database
    database.create_collection("seen", viewOn="items", pipeline=[{"$match": {"v": 2}}])
    database.create_collection(
        "bare", viewOn="items", pipeline=[{"$sort": {"v": 1}}, {"$project": {"_id": 0, "v": 1}}]
    )
    assert ids(name="seen") == ["2"]
    assert [row["payload"] for row in read_mongo(name="bare").rows] == ['{"v":1}', '{"v":2}']
    told = read_mongo(name="bare", columns={"v": "DATE"}).rejected
    assert [one.position for one in told] == ["shop.bare document 1", "shop.bare document 2"]
    database.create_collection("measured", timeseries={"timeField": "t"})
    database["measured"].insert_one({"_id": 5, "t": START, "v": 1.5})
    assert [json.loads(row["payload"]) for row in read_mongo(name="measured").rows] == [
        {"_id": 5, "t": {"$date": "2013-07-01T00:00:00Z"}, "v": 1.5}
    ]


def test_another_database_than_the_connection_s(mongo: MongoServer, collection: Items) -> None:
    other = collection.database.client["other"]
    other["items"].insert_one({"_id": 9})
    try:
        assert ids(database="other") == ["9"]
    finally:
        other.client.drop_database("other")


def test_excluded_fields_are_not_even_sent(collection: Items) -> None:
    collection.insert_one({"_id": 1, "secret": "x" * 1000, "v": {"secret": 1}})
    found = read_mongo(primary_key=("_id",), exclude=("secret", "no_such"))
    assert found.rows == [{"_id": "1", "payload": '{"_id":1,"v":{"secret":1}}'}]
    # Left out by the server: a value that would be set aside does no harm.
    collection.update_one({}, {"$set": {"secret": "a\0b"}})
    assert len(read_mongo(exclude=("secret",)).rows) == 1
    assert len(read_mongo().rejected) == 1
    with pytest.raises(SourceError, match="'v', which the column 'x' is taken from"):
        read_mongo(exclude=("v",), columns={"x": {"path": "v.secret"}})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "itms"}, "no collection 'itms' in the database 'shop' of MongoDB; it has items, other."),
        ({"database": "shpo"}, "no database 'shpo' with a collection that the user may read; it has "),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(
    collection: Items, fields: dict[str, Any], says: str
) -> None:
    collection.insert_one({})
    collection.database["other"].insert_one({})
    with pytest.raises(SourceError) as caught:
        read_mongo(**fields)
    assert says in str(caught.value)
    assert "shop" in str(caught.value)


@pytest.fixture
def moments(collection: Items) -> Items:
    collection.insert_many([{"_id": n, "at": START + timedelta(hours=n)} for n in range(10)])
    collection.create_index("at")
    return collection


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(), range(10)),
        (Span(lower="2013-07-01 03:00:00Z"), range(3, 10)),
        (Span(lower="2013-07-01 03:00:00+00:00", lower_inclusive=False), range(4, 10)),
        (Span(upper="2013-07-01T05:00:00+02:00"), range(3)),
        (Span(lower="2013-07-01 03:00:00Z", upper="2013-07-01 05:00:00Z"), range(3, 5)),
        (Span(lower="2013-07-01 03:00:00.001Z", upper="2013-07-01 05:00:00.001Z"), range(4, 6)),
        (Span(lower="2013-07-01 02:59:59.999Z", upper="2013-07-01 04:59:59.999Z"), range(3, 5)),
        (
            Span(lower="2013-07-01 02:59:59.9999Z", lower_inclusive=False, upper="2013-07-01 05:00:00.0001Z"),
            range(3, 6),
        ),
    ],
)
def test_a_span_reads_only_its_part(moments: Items, span: Span, expected: range) -> None:
    found = read_mongo(span, **IN_TIME)
    assert sorted(int(row["_id"]) for row in found.rows) == list(expected)
    assert found.extracted == len(expected), "the server leaves out the rest"


def test_spans_of_zoneless_times_and_days(moments: Items) -> None:
    zoneless = {**IN_TIME, "columns": {"at": "TIMESTAMP_NTZ"}}
    assert ids(Span(lower="2013-07-01 07:00:00"), **zoneless) == numbers(range(7, 10))
    moments.insert_many([{"_id": 100 + n, "day": START + timedelta(days=n)} for n in range(4)])
    daily: dict[str, Any] = {"cursor": "day", "columns": {"day": "DATE"}}
    assert ids(Span(lower="2013-07-02", upper="2013-07-04"), **daily) == ["101", "102"]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(lower="2"), [2, 3, 4, 5, 6, 7]),
        (Span(lower="2", lower_inclusive=False), [3, 4, 5, 6, 7]),
        (Span(lower="2.50"), [3, 4, 5, 6, 7]),
        (Span(lower="2.50", lower_inclusive=False), [4, 5, 6, 7]),
        (Span(lower="0.3", upper="2.5"), [1, 2]),
        (Span(lower="0.3", lower_inclusive=False, upper="0.31"), []),
        (Span(lower="4611686018427387905"), [6, 7]),
        (Span(lower="4611686018427387905", lower_inclusive=False), [7]),
        (Span(upper="4611686018427387905"), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_span_of_numbers_is_exact_over_every_type_of_number(
    collection: Items, span: Span, expected: list[int]
) -> None:
    values = [-1, 0.3, 2, 2.5, Decimal128("2.51"), Int64(2**62), Int64(2**62 + 1), Decimal128("1E+19")]
    collection.insert_many([{"_id": number, "n": value} for number, value in enumerate(values)])
    assert ids(span, **BY_NUMBER) == numbers(expected)


@pytest.mark.parametrize("text", ["0.3", "0.1", "2.675", "-0.3", "4611686018427387905", "1E+19"])
def test_a_bound_lets_through_each_number_that_lands_inside(text: str) -> None:
    """A double lands as its shortest decimals; MongoDB compares its exact value (its manual, Decimal128)."""
    bounds = span_filter("n", "NUMBER(38,10)", Span(lower=text, upper=text))["$or"][0]["n"]
    exact = {Decimal(text), Decimal(float(text))}
    assert Decimal(bounds["$gte"]) <= min(exact)
    assert Decimal(bounds["$lt"]) > max(exact) - Decimal("1E-30")


ODD: dict[str, Any] = {
    "null": None,
    "text": "later",
    "flag": True,
    "list": [START],
    "nothing": [],
    "object": {"at": START},
    "least": MinKey(),
    "pattern": Regex("x"),
    "key": ObjectId(),
    "binary": b"x",
}


@pytest.mark.parametrize(
    ("fields", "span"),
    [
        (IN_TIME, Span()),
        (IN_TIME, Span(lower="2013-07-01 00:00:00Z", upper="2030-01-01 00:00:00Z")),
        (BY_NUMBER, Span()),
        (BY_NUMBER, Span(lower="100", lower_inclusive=False)),
    ],
)
def test_documents_whose_cursor_is_no_cursor_are_set_aside_and_not_lost(
    collection: Items, fields: dict[str, Any], span: Span
) -> None:
    cursor = fields["cursor"]
    odd = {**ODD, "moment": START + timedelta(days=9)} if cursor == "n" else {**ODD, "number": 7}
    if cursor == "n":
        odd |= {"nan": float("nan"), "decimal nan": Decimal128("NaN")}
    collection.insert_many([{"_id": name, cursor: value} for name, value in odd.items()])
    collection.insert_one({"_id": "missing"})
    found = read_mongo(span, **fields)
    assert found.table.num_rows == 0
    assert sorted(one.position for one in found.rejected) == sorted(
        f"shop.items _id={name}" for name in [*odd, "missing"]
    )
    reasons = {one.position.split("=")[1]: one.reason for one in found.rejected}
    assert "the cursor is NULL" in reasons["missing"]
    assert "the cursor is NULL" in reasons["null"]


def test_moments_that_are_kept_as_text_or_as_timestamps_count_too(moments: Items) -> None:
    moments.delete_many({})
    moments.insert_many(
        [
            {"_id": 1, "at": "2013-07-01T00:00:00Z"},
            {"_id": 2, "at": "2013-07-03T00:00:00+02:00"},
            {"_id": 3, "at": Timestamp(int(START.timestamp()) + 172_800, 1)},
        ]
    )
    found = read_mongo(Span(lower="2013-07-02 00:00:00Z"), **IN_TIME)
    assert sorted(row["_id"] for row in found.rows) == ["2", "3"]
    assert (found.discarded, found.rejected) == (1, [])
    moments.delete_one({"_id": 3})
    assert ids(window=timedelta(hours=48), **IN_TIME) == ["1", "2"]
    assert ids(window=timedelta(hours=24), **IN_TIME) == ["2"]


def test_a_cursor_below_a_path(collection: Items) -> None:
    collection.insert_many([{"_id": n, "meta": {"at": START + timedelta(hours=n)}} for n in range(5)])
    collection.insert_many([{"_id": 7, "meta": 3}, {"_id": 8, "meta": [{"at": START}]}])
    nested: dict[str, Any] = {"cursor": "at", "columns": {"at": {"path": "meta.at", "type": "TIMESTAMP_TZ"}}}
    found = read_mongo(Span(lower="2013-07-01 03:00:00Z"), primary_key=("_id",), **nested)
    assert sorted(row["_id"] for row in found.rows) == ["3", "4"]
    assert [one.position for one in found.rejected] == ["shop.items _id=7"]
    assert len(read_mongo(**nested).rejected) == 2


def test_bounds_without_a_cursor_or_of_another_type_are_refused(moments: Items) -> None:
    with pytest.raises(SourceError, match="items has no cursor"):
        ids(Span(lower="2013-07-01"))
    with pytest.raises(SourceError, match="The bound 'x' is no timestamp"):
        ids(Span(lower="x"), **IN_TIME)


def test_limit_sample_and_window_narrow_a_prototype(moments: Items) -> None:
    moments.insert_many([{"_id": n, "at": datetime(2013, 6, 1)} for n in range(100, 2100)])
    assert ids(limit=3, **IN_TIME) == numbers([0, 1, 2])
    assert ids(Span(lower="2013-07-01 04:00:00Z"), limit=3, **IN_TIME) == numbers([4, 5, 6])
    assert ids(window=timedelta(hours=2), **IN_TIME) == numbers([7, 8, 9])
    assert ids(Span(lower="2013-07-01 08:00:00Z"), window=timedelta(hours=2), **IN_TIME) == ["8", "9"]
    assert ids(Span(upper="2013-07-01 09:00:00Z"), window=timedelta(hours=2), **IN_TIME) == ["7", "8"]
    sampled = ids(sample=0.1)
    assert 140 < len(sampled) < 260
    moments.insert_many([{"_id": n} for n in range(-3, 0)])
    assert set(sampled) <= set(ids(sample=0.1)), "the same documents, whatever came beside them"
    assert set(sampled) < set(ids(sample=0.5)), "a larger sample holds the smaller one"
    assert len(ids(sample=0.5, limit=7)) == 7


def test_a_window_ends_at_the_newest_moment_that_is_one(moments: Items) -> None:
    moments.insert_many(
        [{"_id": "text", "at": "2050-01-01T00:00:00Z"}, {"_id": "list", "at": [datetime(2014, 1, 1)]}]
    )
    assert ids(window=timedelta(days=365), **IN_TIME) == [
        *numbers(range(10)),
        "text",
    ]
    with pytest.raises(SourceError, match="`window` of items needs a cursor that is a date"):
        ids(window=timedelta(hours=1), **BY_NUMBER)


def test_production_reads_everything(moments: Items, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_ENV", "prod")
    assert ids(limit=1, sample=0.1, window=timedelta(hours=1), **IN_TIME) == numbers(range(10))


def test_a_read_is_of_the_moment_it_was_opened(moments: Items) -> None:
    with mongo_reader("shop_mongo", primary_key=("_id",)).open(Span()) as extraction:
        moments.insert_one({"_id": 77})
        moments.update_many({}, {"$set": {"changed": True}})
        pieces = list(extraction.pieces())
    rows = [row for piece in pieces for row in piece.rows.to_pylist()]
    assert sorted(int(row["_id"]) for row in rows) == list(range(10))
    assert not any("changed" in row["payload"] for row in rows)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoServer]:
    """A server that is no member of a replica set: it refuses snapshot reads."""
    server = start_mongo(tmp_path, "--standalone")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_MONGO", server.connection_json("shop"))
    yield server
    server.stop()


def test_a_server_without_snapshots_is_read_in_the_order_of_ids(alone: MongoServer) -> None:
    with alone.client() as client:
        client["shop"]["items"].insert_many([{"_id": n} for n in (3, 1, 2)])
    assert [row["payload"] for row in read_mongo().rows] == ['{"_id":1}', '{"_id":2}', '{"_id":3}']


def test_a_collection_without_snapshots_is_read_without(mongo: MongoServer, collection: Items) -> None:
    collection.insert_many([{"_id": n} for n in (3, 1, 2)])
    refusal = {"failCommands": ["find"], "errorCode": 246}
    fail = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": refusal}
    collection.database.client.admin.command(fail)
    assert [row["payload"] for row in read_mongo().rows] == ['{"_id":1}', '{"_id":2}', '{"_id":3}']


def test_many_documents_arrive_once_each_in_pieces_of_bounded_size(collection: Items) -> None:
    collection.insert_many([{"_id": n, "t": "x" * 4000} for n in range(5_000)])
    with mongo_reader("shop_mongo", primary_key=("_id",)).open(Span()) as extraction:
        pieces = [piece.rows for piece in extraction.pieces()]
    assert len(pieces) > 4
    assert max(piece.nbytes for piece in pieces) < 8 * 1024 * 1024
    found = [number for piece in pieces for number in piece.column("_id").to_pylist()]
    assert sorted(map(int, found)) == list(range(5_000))


def test_the_largest_document_is_read(collection: Items) -> None:
    text = "ü" * (8 * 1024 * 1024 - 100)
    collection.insert_many([{"_id": 1}, {"_id": 2, "t": text}, {"_id": 3}])
    found = read_mongo(columns={"t": "VARCHAR"})
    assert found.table.column("t").to_pylist() == [None, text, None]


def test_the_server_is_asked_for_the_span_alone(moments: Items, mongo: MongoServer) -> None:
    profiled = moments.database
    profiled.command("profile", 2)
    try:
        ids(Span(lower="2013-07-01 08:00:00Z"), **IN_TIME)
        [asked] = profiled["system.profile"].find({"command.find": "items"})
    finally:
        profiled.command("profile", 0)
    assert asked["command"]["filter"]["$or"][0] == {"at": {"$gte": datetime(2013, 7, 1, 8)}}


def test_leaving_early_closes_the_cursor(collection: Items) -> None:
    def still_open() -> int:
        status = collection.database.client.admin.command("serverStatus")
        return int(status["metrics"]["cursor"]["open"]["total"])

    collection.insert_many([{"_id": n, "t": "x" * 400_000} for n in range(100)])
    before = still_open()
    with mongo_reader("shop_mongo").open(Span()) as extraction:
        assert next(extraction.pieces()).rows.num_rows > 0
        assert still_open() == before + 1
    assert read(mongo_reader("shop_mongo", limit=5)).table.num_rows == 5
    assert still_open() == before
