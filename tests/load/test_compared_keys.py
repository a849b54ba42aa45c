"""Keys compared with a real MariaDB and a real MongoDB (a real PostgreSQL: test_deletes.py)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo.collection import Collection

from include.headrace.config import AnySource, MongoSource, MongoTable, MysqlSource, MysqlTable, Table
from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.mongo_server import MongoServer
from include.headrace.errors import SourceError
from tests.support.intake import Intake
from tests.support.loads import Shop
from tests.support.mongo import start_mongo
from tests.support.mysql import start_mariadb

MAY = datetime(2024, 5, 1)
FIELDS: dict[str, Any] = {"disposition": "merge", "cursor": "changed"}


def live(shop: Shop, columns: str = '"ID"') -> list[tuple[Any, ...]]:
    return shop.rows(f'{columns}, "_DELETED_AT" IS NULL')


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    server = start_mariadb(tmp_path_factory.mktemp("compared-mysql"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    server = start_mongo(tmp_path_factory.mktemp("compared-mongo"))
    yield server
    server.stop()


@pytest.fixture
def collection(mongo: MongoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection[dict[str, Any]]]:
    monkeypatch.setenv("AIRFLOW_CONN_COMPARED", mongo.connection_json("shop"))
    with mongo.client() as client:
        client.drop_database("shop")
        yield client["shop"]["orders"]


def documents(intake: Intake, **fields: Any) -> tuple[AnySource, Table]:
    columns = {"changed": "TIMESTAMP_TZ", **fields.pop("columns", {"id": {"path": "_id"}})}
    given = {"primary_key": ("id",), "columns": columns, "deletes": {"compare_keys": True}, **fields}
    table = MongoTable(name="orders", **FIELDS, **given)
    return MongoSource(name=intake.name, kind="mongo", connection="compared", tables=(table,)), table


def test_rows_of_mysql_whose_key_is_gone_are_marked_and_come_back(
    intake: Intake, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_COMPARED", mariadb.connection_json("shop"))
    mariadb.execute("drop database if exists shop; create database shop")
    mariadb.execute(
        "create table orders (note text, id varchar(20), shop int unsigned, changed datetime(6), "
        "primary key (shop, id)); "
        "insert into orders values ('x', 'a', 1, '2024-05-01'), ('x', 'c', 1, '2024-05-01'), "
        "('x', 'a', 2, '2024-05-01'), ('x', 'b', 2, '2024-05-01')",
        database="shop",
    )
    table = MysqlTable(
        name="orders", primary_key=("shop", "id"), deletes={"compare_keys": True}, readers=2, **FIELDS
    )
    source = MysqlSource(name=intake.name, kind="mysql", connection="compared", tables=(table,))
    assert intake.run(source, table)["rows_deleted"] == 0
    mariadb.execute("delete from orders where shop = 2 and id = 'a'", database="shop")
    row = intake.run(source, table)
    assert (row["rows_deleted"], row["rows_extracted"]) == (1, 0)
    assert live(intake.shop, '"SHOP", "ID"') == [
        (1, "a", True),
        (1, "c", True),
        (2, "a", False),
        (2, "b", True),
    ]
    mariadb.execute("insert into orders values ('y', 'a', 2, '2020-01-01')", database="shop")
    assert intake.run(source, table)["rows_deleted"] == 0
    assert all(row[-1] for row in live(intake.shop))


def test_documents_whose_key_is_gone_are_marked_and_come_back(
    intake: Intake, collection: Collection[dict[str, Any]]
) -> None:
    number = ObjectId("65a000000000000000000001")
    keys: list[Any] = [1, "two", number, 2**40]
    collection.insert_many([{"_id": key, "changed": MAY} for key in keys])
    assert intake.run(*documents(intake))["rows_deleted"] == 0
    collection.delete_one({"_id": number})
    row = intake.run(*documents(intake))
    assert (row["rows_deleted"], row["rows_extracted"]) == (1, 0)
    assert live(intake.shop) == [("1", True), (str(2**40), True), (str(number), False), ("two", True)]
    collection.insert_one({"_id": number, "changed": datetime(2020, 1, 1)})
    assert intake.run(*documents(intake))["rows_deleted"] == 0
    assert all(there for _, there in live(intake.shop))


def test_keys_in_the_depth_of_documents_are_compared(
    intake: Intake, collection: Collection[dict[str, Any]]
) -> None:
    inner = {"columns": {"id": {"path": "of.id"}, "shop": {"path": "of.shop", "type": "NUMBER(5,0)"}}}
    source, table = documents(intake, primary_key=("id", "shop"), exclude=("secret",), **inner)
    collection.insert_many(
        [
            {"of": {"id": "a", "shop": 1, "more": [1]}, "secret": 1, "changed": MAY},
            {"of": {"id": "a", "shop": 2}, "changed": MAY},
        ]
    )
    intake.run(source, table)
    collection.delete_one({"of.shop": 1})
    assert intake.run(source, table)["rows_deleted"] == 1
    assert live(intake.shop, '"ID", "SHOP"') == [("a", 1, False), ("a", 2, True)]


def test_a_document_that_is_set_aside_has_a_key_all_the_same(
    intake: Intake, collection: Collection[dict[str, Any]]
) -> None:
    collection.insert_many([{"_id": key, "changed": MAY} for key in ("a", "b")])
    intake.run(*documents(intake))
    collection.update_one({"_id": "a"}, {"$set": {"text": "a\0b", "changed": datetime(2024, 5, 2)}})
    row = intake.run(*documents(intake))
    assert (row["rows_quarantined"], row["rows_deleted"]) == (1, 0)
    assert live(intake.shop) == [("a", True), ("b", True)]


def test_a_document_whose_key_cannot_be_told_stops_the_comparison(
    intake: Intake, collection: Collection[dict[str, Any]]
) -> None:
    collection.insert_many([{"_id": key, "changed": MAY} for key in ("a", {"b": 1})])
    with pytest.raises(SourceError, match=r"1 rows of .*orders were read whose key cannot be told"):
        intake.run(*documents(intake))
