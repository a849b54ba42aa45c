from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.e2e.conftest import DemoRun, marts
from tests.e2e.expected import expected

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


MARTS = {
    "DIM_AIRCRAFT",
    "DIM_AIRLINE",
    "DIM_AIRPORT",
    "DIM_DATE",
    "FCT_FLIGHTS",
    "FCT_WEATHER_HOURLY",
    "KPI_CANCELLATION",
    "KPI_DELAY",
    "KPI_DELAY_BY_WEATHER",
    "KPI_PUNCTUALITY_DAILY",
    "KPI_SEATS_FLOWN",
}


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
    assert set(again) >= MARTS
    assert {name: len(rows) for name, rows in again.items()} == {n: len(r) for n, r in first_marts.items()}
    assert again == first_marts


def test_the_ledger_accounts_for_every_row_of_both_runs(demo_warehouse: SnowflakeConnection) -> None:
    cursor = demo_warehouse.cursor().execute(
        "SELECT source || '.' || table_name, rows_extracted, rows_staged, rows_quarantined, rows_discarded, "
        "rows_loaded, rows_inserted, rows_updated, rows_deleted FROM RAW.HEADRACE.LOADS "
        "WHERE source <> 'dbt' ORDER BY committed_at"
    )
    assert cursor is not None
    loads: dict[str, list[tuple[int, ...]]] = {}
    for table, *counts in cursor.fetchall():
        loads.setdefault(table, []).append(tuple(counts))
    truth = expected()
    late = sum(flight.flight_date.month > 6 for flight in truth.flights)
    hours = Counter(hour.origin_code for hour in truth.weather)
    replaced = {
        "archive.flights": len(truth.flights) - late,
        "reference.airports": len(truth.airports) - len(truth.flights_to_unknown),
        "fleet.planes": sum(one.seats is not None for one in truth.aircraft.values()),
        "weather_jfk.observations": hours["JFK"],
        "carriers.airlines": len(truth.airlines),
    }
    merged = {
        "operations.flights": late,
        "weather_ewr.observations": hours["EWR"],
        "weather_lga.observations": hours["LGA"],
    }
    assert set(loads) == {*replaced, *merged}

    def whole(rows: int, deleted: int) -> tuple[int, ...]:
        return (rows, rows, 0, 0, rows, rows, 0, deleted)

    for table, rows in replaced.items():
        assert loads[table] == [whole(rows, 0), whole(rows, rows)], table
    for table, rows in merged.items():
        first, second = loads[table]
        assert first == whole(rows, 0), table
        # The second run reads from the watermark, less an overlap, and finds nothing that RAW does not have.
        extracted, staged, quarantined, discarded, loaded, *changed = second
        assert extracted == staged + discarded < rows, table
        assert loaded == staged, table
        assert [quarantined, *changed] == [0, 0, 0, 0], table
