"""Rows that are deleted in the source: by a marker, and by comparing keys with a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from include.headrace.config import PostgresSource, PostgresTable
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.errors import CountError, SourceError
from tests.support.intake import Intake
from tests.support.loads import ORDERS, Shop, orders_table
from tests.support.postgres import start_postgres

MARKED = ORDERS.append(pa.field("gone", pa.bool_()))
TIMED = ORDERS.append(pa.field("gone", pa.timestamp("us")))
NOON = datetime(2024, 5, 1, 12)


def row(number: int, minute: int, gone: Any) -> dict[str, Any]:
    return {"id": number, "state": "new", "changed": NOON.replace(minute=minute), "gone": gone}


def live(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows('"ID", "_DELETED_AT" IS NULL')


@pytest.mark.parametrize(
    ("schema", "yes", "no"), [(MARKED, True, False), (MARKED, True, None), (TIMED, NOON, None)]
)
def test_a_marked_row_stays_with_the_time_and_comes_back(
    shop: Shop, schema: pa.Schema, yes: Any, no: Any
) -> None:
    table = orders_table(deletes={"marker": "gone"})
    shop.stage_and_load([row(1, 0, no), row(2, 0, no)], table, schema=schema)
    assert live(shop) == [(1, True), (2, True)]
    loaded = shop.stage_and_load([row(2, 1, yes)], table, schema=schema)
    assert (loaded["rows_deleted"], live(shop)) == (1, [(1, True), (2, False)])
    assert shop.stage_and_load([row(2, 1, yes)], table, schema=schema)["rows_deleted"] == 0
    back = shop.stage_and_load([row(2, 2, no)], table, schema=schema)
    assert (back["rows_deleted"], live(shop)) == (0, [(1, True), (2, True)])


def test_a_marked_row_is_removed_on_demand_and_no_column_is_added(shop: Shop) -> None:
    table = orders_table(deletes={"marker": "gone", "action": "remove"})
    shop.stage_and_load([row(1, 0, False), row(2, 0, False)], table, schema=MARKED)
    assert shop.stage_and_load([row(2, 1, True)], table, schema=MARKED)["rows_deleted"] == 1
    assert shop.rows('"ID"') == [(1,)]
    assert "_DELETED_AT" not in [one["name"] for one in shop.query(f"DESCRIBE TABLE {shop.table()}")]


def test_deletes_can_be_added_to_a_table_that_has_rows(shop: Shop) -> None:
    shop.stage_and_load([row(1, 0, True), row(2, 0, False)], schema=MARKED)
    table = orders_table(deletes={"marker": "gone"}, contract="freeze")
    shop.stage_and_load([row(3, 1, False)], table, schema=MARKED)
    assert live(shop) == [(1, False), (2, True), (3, True)]
    shop.stage_and_load([row(4, 2, True)], orders_table(contract="freeze"), schema=MARKED)
    assert live(shop) == [(1, False), (2, True), (3, True), (4, True)]


def test_a_marker_that_is_neither_yes_or_no_nor_a_time_is_refused(shop: Shop) -> None:
    table = orders_table(deletes={"marker": "state"})
    with pytest.raises(SourceError, match=r"marker 'state' of 'orders' is VARCHAR, and must be BOOLEAN"):
        shop.stage_and_load([row(1, 0, True)], table, schema=MARKED)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = start_postgres(tmp_path_factory.mktemp("deletes"))
    yield server
    server.stop()


@pytest.fixture
def orders(intake: Intake, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Intake:
    monkeypatch.setenv("AIRFLOW_CONN_DELETES", postgres.connection_json())
    postgres.execute("DROP TABLE IF EXISTS orders")
    postgres.execute("CREATE TABLE orders (shop int, id text, changed timestamptz, PRIMARY KEY (shop, id))")
    postgres.execute("INSERT INTO orders SELECT 1, n, '2024-05-01' FROM generate_series(1, 3) n")
    return intake


def compared(intake: Intake, **deletes: Any) -> tuple[PostgresSource, PostgresTable]:
    table = orders_table(primary_key=("shop", "id"), deletes={"compare_keys": True, **deletes})
    return PostgresSource(name=intake.name, kind="postgres", connection="deletes", tables=(table,)), table


def test_a_row_whose_key_is_gone_is_marked_and_comes_back(orders: Intake, postgres: PostgresServer) -> None:
    assert orders.run(*compared(orders))["rows_deleted"] == 0
    postgres.execute("DELETE FROM orders WHERE id = '2'")
    row = orders.run(*compared(orders))
    assert (row["rows_deleted"], row["rows_extracted"]) == (1, 0)
    assert live(orders.shop) == [("1", True), ("2", False), ("3", True)]
    postgres.execute("INSERT INTO orders VALUES (1, '2', '2020-01-01')")
    assert orders.run(*compared(orders))["rows_deleted"] == 0
    assert live(orders.shop) == [("1", True), ("2", True), ("3", True)]


def test_a_row_whose_key_is_gone_is_removed_on_demand(orders: Intake, postgres: PostgresServer) -> None:
    orders.run(*compared(orders, action="remove"))
    postgres.execute("DELETE FROM orders WHERE id = '2'")
    assert orders.run(*compared(orders, action="remove"))["rows_deleted"] == 1
    assert orders.shop.rows('"ID"') == [("1",), ("3",)]


def test_no_keys_at_all_delete_nothing(orders: Intake, postgres: PostgresServer) -> None:
    orders.run(*compared(orders))
    postgres.execute("DELETE FROM orders")
    with pytest.raises(CountError, match=r"would make .* empty: it has 3 rows in RAW, and 0 would be left"):
        orders.run(*compared(orders))
    assert live(orders.shop) == [("1", True), ("2", True), ("3", True)]


def test_a_sample_compares_no_keys(orders: Intake, postgres: PostgresServer) -> None:
    orders.run(*compared(orders))
    postgres.execute("DELETE FROM orders WHERE id = '2'")
    source, table = compared(orders)
    row = orders.run(source, table.model_copy(update={"limit": 1}))
    assert (row["rows_deleted"], row["sampled"]) == (0, True)
    assert live(orders.shop) == [("1", True), ("2", True), ("3", True)]


def test_a_backfill_compares_no_keys(orders: Intake, postgres: PostgresServer) -> None:
    orders.run(*compared(orders))
    postgres.execute("DELETE FROM orders WHERE id IN ('1', '2')")
    postgres.execute("INSERT INTO orders VALUES (1, '4', '2024-05-01')")
    days = (datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC))
    row = orders.run(*compared(orders), backfill=days)
    assert (row["rows_extracted"], row["rows_deleted"]) == (2, 0)
    assert live(orders.shop) == [("1", True), ("2", True), ("3", True), ("4", True)]
    assert orders.run(*compared(orders))["rows_deleted"] == 2


def test_a_marker_and_compared_keys_work_together(orders: Intake, postgres: PostgresServer) -> None:
    postgres.execute("ALTER TABLE orders ADD COLUMN gone boolean")
    postgres.execute("INSERT INTO orders VALUES (1, '4', '2024-05-01')")
    both = compared(orders, marker="gone")
    orders.run(*both)
    postgres.execute("UPDATE orders SET gone = true, changed = '2024-05-02' WHERE id IN ('1', '2')")
    postgres.execute("DELETE FROM orders WHERE id IN ('2', '3')")
    assert orders.run(*both)["rows_deleted"] == 3
    assert live(orders.shop) == [("1", False), ("2", False), ("3", False), ("4", True)]
    # The first is marked and there, the third is there again, and the second is neither.
    postgres.execute("INSERT INTO orders VALUES (1, '3', '2020-01-01')")
    assert orders.run(*both)["rows_deleted"] == 0
    assert live(orders.shop) == [("1", False), ("2", False), ("3", True), ("4", True)]
    postgres.execute("UPDATE orders SET gone = false, changed = '2024-05-03'")
    assert orders.run(*both)["rows_deleted"] == 0
    assert live(orders.shop) == [("1", True), ("2", False), ("3", True), ("4", True)]


def test_rows_of_another_load_are_not_taken_for_deleted(orders: Intake, postgres: PostgresServer) -> None:
    source, table = compared(orders, action="remove")

    def another_brings_a_row(_: Any) -> None:
        postgres.execute("INSERT INTO orders VALUES (1, '4', '2024-05-02')")
        orders.run(source, table)

    with pytest.raises(CountError, match=r"read before 1 other loads .* Clear the extract task"):
        orders.run(source, table, before_load=another_brings_a_row)
    assert orders.shop.rows('"ID"') == [("1",), ("2",), ("3",), ("4",)]
