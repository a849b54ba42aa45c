from __future__ import annotations

from datetime import datetime

from include.headrace.settings import DBT_DIR
from tests.dbt_project.conftest import History
from tests.dbt_project.dbt_command import dbt

KNOWN_FAULTS = {
    "flights_without_a_tail_number_are_2512",
    "flights_that_left_and_did_not_arrive_as_planned_are_1175",
    "flights_in_both_sources",
    "aircraft_that_only_flights_know_are_721",
}
"""They warn on this small RAW: its counts are not those of the true data, and one flight is in both."""


def _unlike(statuses: dict[str, str], *wanted: str) -> dict[str, str]:
    return {name: status for name, status in statuses.items() if status not in wanted}


def test_the_first_run_builds_all_and_warns_of_the_known_faults(history: History) -> None:
    assert history.first.returncode == 0, history.first.output
    assert _unlike(history.first.statuses(), "pass", "success", "no-op") == dict.fromkeys(
        KNOWN_FAULTS, "warn"
    )


def test_the_second_run_warns_of_an_airport_that_is_not_known_to_be_unknown(history: History) -> None:
    assert history.second.returncode == 0, history.second.output
    warned = _unlike(history.second.statuses(), "pass", "success", "no-op")
    assert warned == dict.fromkeys({*KNOWN_FAULTS, "inferred_airports_are_known_to_be_unknown"}, "warn")


def test_the_fact_takes_new_and_changed_flights_and_keeps_the_rest(history: History) -> None:
    rows = history.rows(
        "select flight_id, arrival_delay_minutes, is_cancelled, is_on_time, load_id "
        "from ANALYTICS.MARTS.FCT_FLIGHTS order by flight_number"
    )
    assert rows == [
        ("2013-03-10-UA-1-EWR", 0, False, True, "arc-1"),
        ("2013-03-10-UA-2-EWR", None, True, None, "arc-1"),
        ("2013-06-30-UA-3-EWR", 15, False, False, "arc-1"),
        ("2013-07-04-UA-4-EWR", 30, False, False, "ops-2"),
        ("2013-11-03-UA-5-EWR", None, False, None, "ops-1"),
        ("2013-12-24-UA-6-EWR", 0, False, True, "ops-2"),
    ]


def test_departures_are_utc_and_dates_new_yorks(history: History) -> None:
    rows = history.rows(
        "select flight_number, to_char(flight_date), scheduled_departure_at, departure_hour_new_york "
        "from ANALYTICS.MARTS.FCT_FLIGHTS where flight_number in (1, 2, 4) order by flight_number"
    )
    assert rows == [
        (1, "2013-03-10", datetime(2013, 3, 10, 6, 59), 1),
        (2, "2013-03-10", datetime(2013, 3, 10, 7, 5), 3),
        (4, "2013-07-04", datetime(2013, 7, 5, 1, 15), 21),
    ]


def test_an_airport_that_changed_has_two_versions_and_the_first_is_dated_back(history: History) -> None:
    rows = history.rows(
        "select airport_name, valid_from = '1900-01-01'::timestamp_ntz, valid_to is null "
        "from ANALYTICS.INTERMEDIATE.INT_AIRPORTS_VERSIONED where airport_code = 'EWR' order by valid_from"
    )
    assert rows == [("Newark Liberty Intl", True, False), ("Newark", False, True)]


def test_the_airports_are_the_newest_and_the_unknown_ones_with_nulls(history: History) -> None:
    rows = history.rows("select * from ANALYTICS.MARTS.DIM_AIRPORT order by airport_code")
    assert [row[:2] for row in rows] == [
        ("EWR", "Newark"),
        ("JFK", "John F Kennedy Intl"),
        ("LGA", "La Guardia"),
        ("ORD", "Chicago Ohare Intl"),
        ("SJU", None),
        ("XYZ", None),
    ]
    assert set(rows[4][1:]) == set(rows[5][1:]) == {None}


def test_a_flight_deleted_from_the_source_turns_the_fact_red(history: History) -> None:
    history.rows("delete from RAW.ARCHIVE.FLIGHTS where flight = 1")
    run = dbt(
        *("build", "--select", "int_flights_unioned", "fct_flights_equals_a_full_build"),
        *("--exclude-resource-type", "unit_test"),
        project=DBT_DIR,
        folder=history.second.folder,
        port=history.snowflake.port,
    )
    assert run.returncode == 1
    assert run.statuses()["fct_flights_equals_a_full_build"] == "fail"
    assert run.failures()["fct_flights_equals_a_full_build"] == 1


def test_freshness_is_that_of_the_last_commit(history: History) -> None:
    run = dbt(
        *("source", "freshness", "--select", "source:archive"),
        project=DBT_DIR,
        folder=history.first.folder,
        port=history.snowflake.port,
    )
    result = run.artifact("sources.json")["results"][0]
    assert result["status"] == "error"  # the ledger's only commit is of 2024
    assert result["max_loaded_at"].startswith("2024-01-01T00:00:00")
