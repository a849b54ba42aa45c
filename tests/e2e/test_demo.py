from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.conftest import DemoRun, marts

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


def test_the_first_demo_ends_well_and_says_so(first_demo: DemoRun) -> None:
    assert first_demo.returncode == 0, first_demo.output[-4000:]
    assert "local Snowflake (emulated)" in first_demo.output


def test_the_second_demo_ends_well_and_leaves_the_same_marts(
    second_demo: DemoRun,
    demo_warehouse: SnowflakeConnection,
    first_marts: dict[str, list[tuple[object, ...]]],
) -> None:
    assert second_demo.returncode == 0, second_demo.output[-4000:]
    again = marts(demo_warehouse)
    assert set(again) >= {"FCT_FLIGHTS", "DIM_AIRPORT", "DIM_DATE", "KPI_PUNCTUALITY_DAILY"}
    assert {name: len(rows) for name, rows in again.items()} == {n: len(r) for n, r in first_marts.items()}
    assert again == first_marts


def test_the_ledger_accounts_for_every_row_of_both_runs(demo_warehouse: SnowflakeConnection) -> None:
    cursor = demo_warehouse.cursor().execute(
        "SELECT source, table_name, rows_extracted, rows_staged, rows_quarantined, rows_discarded, rows_loaded "
        "FROM RAW.HEADRACE.LOADS"
    )
    assert cursor is not None
    rows = cursor.fetchall()
    assert len(rows) == 6
    for _, _, extracted, staged, quarantined, discarded, loaded in rows:
        assert extracted == staged + quarantined + discarded
        assert loaded == staged
    flights = [row[2] for row in rows if row[1] == "flights" and row[2] > 100_000]
    assert sum(sorted(flights)[-2:]) >= 336_776 / 2
