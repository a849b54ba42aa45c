"""The tasks of a table take as many places of the source's pool as readers it has."""

from __future__ import annotations

from include.headrace.config import PostgresSource, PostgresTable, RestSource, RestTable
from include.headrace.pipeline import ingestion_dag
from include.headrace.pools import source_pool


def test_an_extract_takes_a_place_for_each_reader_and_a_load_one() -> None:
    tables = (PostgresTable(name="orders", readers=3), PostgresTable(name="items"))
    source = PostgresSource(name="shop", kind="postgres", connection="shop", tables=tables)
    tasks = ingestion_dag(source).task_dict
    places = {name: task.pool_slots for name, task in tasks.items()}
    assert places == {
        "orders.extract": 3,
        "orders.load": 1,
        "items.extract": 1,
        "items.load": 1,
        "publish-asset": 1,
    }
    assert {task.pool for task in tasks.values()} == {source_pool("shop")}


def test_an_api_has_one_reader() -> None:
    table = RestTable(name="orders", path="/orders")
    source = RestSource(name="shop", kind="rest", connection="shop", tables=(table,))
    assert ingestion_dag(source).task_dict["orders.extract"].pool_slots == 1
