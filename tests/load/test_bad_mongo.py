"""Bad input from MongoDB through the whole load: what it says, and what it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128
from pymongo.collection import Collection

from include.headrace.config import MongoSource, MongoTable
from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.session import Session
from tests.support.intake import Intake
from tests.support.mongo import start_mongo

Items = Collection[dict[str, Any]]
QUICK = {"serverSelectionTimeoutMS": 1000}


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    server = start_mongo(tmp_path_factory.mktemp("bad-mongo"), "--enable-test-commands")
    yield server
    server.stop()


@pytest.fixture
def connection(mongo: MongoServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The Airflow connection ``bad_mongo``, as its fields."""
    text = mongo.connection_json("shop", QUICK)
    monkeypatch.setenv("AIRFLOW_CONN_BAD_MONGO", text)
    return dict(json.loads(text))


@pytest.fixture
def orders(mongo: MongoServer, connection: dict[str, Any]) -> Iterator[Items]:
    with mongo.client() as client:
        client.drop_database("shop")
        yield client["shop"]["orders"]


class Orders(Intake):
    """A source of its own, with the collection ``orders``."""

    def load(self, **fields: Any) -> dict[str, Any]:
        columns = {"id": {"path": "_id", "type": "NUMBER(10,0)"}, **fields.pop("columns", {})}
        table = MongoTable(name=fields.pop("name", "orders"), columns=columns, **fields)
        return self.run(
            MongoSource(name=self.name, kind="mongo", connection="bad_mongo", tables=(table,)), table
        )


@pytest.fixture
def intake(open_session: Callable[[], Session], tmp_path: Path) -> Orders:
    return Orders(open_session, tmp_path)


@pytest.fixture
def loaded(intake: Orders, orders: Items) -> Orders:
    """RAW has two orders from a load that went well."""
    orders.insert_many([{"_id": 1, "v": 39.02}, {"_id": 2, "at": datetime(2024, 1, 1)}])
    intake.load()
    intake.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=1)
    return intake


def test_what_was_loaded_is_truly_parsed(loaded: Orders) -> None:
    rows = loaded.shop.rows('"ID", "PAYLOAD":"v"::FLOAT, "PAYLOAD":"at":"$date"::VARCHAR')
    assert rows == [(1, 39.02, None), (2, None, "2024-01-01T00:00:00Z")]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "no_such"}, "no collection 'no_such'.*it has orders"),
        ({"database": "archive"}, "archive"),
        ({"exclude": ("_id",)}, "'_id', which the column 'id' is taken from"),
    ],
)
def test_what_the_source_does_not_have_is_named(loaded: Orders, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        loaded.load(**fields)
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [({"password": "hunter2-wrong"}, SourceError), ({"login": "hunter2"}, SourceError), ({}, PassingError)],
)
def test_a_login_or_a_server_that_fails_leaves_raw_as_it_was(
    loaded: Orders,
    connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any],
    kind: type[Exception],
) -> None:
    fields = {**connection, **(changed or {"port": free_port()})}
    monkeypatch.setenv("AIRFLOW_CONN_BAD_MONGO", json.dumps(fields))
    with pytest.raises(kind, match="bad_mongo") as error:
        loaded.load()
    assert "hunter2" not in str(error.value)
    assert connection["password"] not in str(error.value)
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


@pytest.mark.parametrize("failing", [{"closeConnection": True}, {"errorCode": 43}, {"errorCode": 189}])
def test_a_read_that_breaks_off_leaves_raw_as_it_was(
    loaded: Orders, orders: Items, failing: dict[str, Any]
) -> None:
    orders.insert_many([{"_id": n, "t": "x" * 400_000} for n in range(100, 160)])
    admin = orders.database.client.admin
    data = {"failCommands": ["getMore"], **failing}
    admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    try:
        with pytest.raises(PassingError, match=r"shop\.orders"):
            loaded.load()
    finally:
        admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)
    assert loaded.load()["rows_loaded"] == 62


def test_documents_of_mixed_types_are_set_aside_with_their_reason_and_the_others_load(
    intake: Orders, orders: Items
) -> None:
    orders.insert_many(
        [
            {"_id": 1, "n": 5},
            {"_id": 2, "n": "five"},
            {"_id": 3, "n": Decimal128("5.00")},
            {"_id": 4, "n": 5.5},
            {"_id": 5, "t": "a\0b"},
            {"_id": 6},
            {"_id": "seven"},
        ]
    )
    row = intake.load(columns={"n": "NUMBER(5,0)"})
    assert [row[n] for n in ("rows_extracted", "rows_staged", "rows_quarantined")] == [7, 3, 4]
    assert intake.shop.rows('"ID", "N"') == [(1, 5), (3, 5), (6, None)]
    aside = dict(intake.shop.rows('"POSITION", "REASON"', "ORDERS__QUARANTINE"))
    assert {place.removeprefix("shop.orders _id="): reason for place, reason in aside.items()} == {
        "2": "n: 'five' is not a NUMBER(5,0)",
        "4": "n: '5.5' is not a NUMBER(5,0)",
        "5": "the character \\u0000 has no place in a VARIANT",
        "seven": "id: 'seven' is not a NUMBER(10,0)",
    }


def test_an_empty_collection_loads_no_rows_and_its_columns(intake: Orders, orders: Items) -> None:
    orders.database.create_collection("orders")
    assert intake.load()["rows_extracted"] == 0
    intake.assert_only_the_attempt_is_left(1, [], attempts=1)


def test_a_second_load_reads_what_is_new_and_merges_it(intake: Orders, orders: Items) -> None:
    merged: dict[str, Any] = {
        "primary_key": ("id",),
        "cursor": "at",
        "disposition": "merge",
        "columns": {"at": "TIMESTAMP_TZ"},
    }
    day = [datetime(2024, 1, number, tzinfo=UTC) for number in range(1, 5)]
    orders.insert_many([{"_id": 1, "at": day[0]}, {"_id": 2, "at": day[1]}, {"_id": 3}])
    first = intake.load(**merged)
    assert [first[n] for n in ("rows_extracted", "rows_loaded", "rows_quarantined")] == [3, 2, 1]
    orders.update_one({"_id": 1}, {"$set": {"at": day[2]}})
    orders.insert_one({"_id": 4, "at": day[3]})
    second = intake.load(**merged)
    assert [second[n] for n in ("rows_extracted", "rows_inserted", "rows_updated")] == [3, 1, 1]
    assert second["rows_quarantined"] == 1, "a document without a cursor is told each time"
    found = [(number, moment.astimezone(UTC)) for number, moment in intake.shop.rows('"ID", "AT"')]
    assert found == [(1, day[2]), (2, day[1]), (4, day[3])]
