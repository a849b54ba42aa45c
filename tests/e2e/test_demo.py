from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.conftest import DemoRun, marts
from tests.e2e.expected import expected

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
        "SELECT source || '.' || table_name, rows_extracted, rows_staged, rows_quarantined, rows_discarded, "
        "rows_loaded, rows_inserted, rows_updated, rows_deleted FROM RAW.HEADRACE.LOADS ORDER BY committed_at"
    )
    assert cursor is not None
    loads: dict[str, list[tuple[int, ...]]] = {}
    for table, *counts in cursor.fetchall():
        loads.setdefault(table, []).append(tuple(counts))
    second_half = sum(flight.flight_date.month > 6 for flight in expected().flights)
    first_half = len(expected().flights) - second_half
    airports = len(expected().airports) - len(expected().flights_to_unknown)

    def whole(rows: int, deleted: int) -> tuple[int, ...]:
        return (rows, rows, 0, 0, rows, rows, 0, deleted)

    assert loads["archive.flights"] == [whole(first_half, 0), whole(first_half, first_half)]
    assert loads["reference.airports"] == [whole(airports, 0), whole(airports, airports)]
    first, second = loads["operations.flights"]
    assert first == whole(second_half, 0)
    # The second run reads the overlap again, and finds nothing in it that RAW does not have.
    extracted, staged, quarantined, discarded, loaded, *changed = second
    assert extracted == staged == loaded < second_half
    assert [quarantined, discarded, *changed] == [0, 0, 0, 0, 0]
    assert len(loads) == 3
