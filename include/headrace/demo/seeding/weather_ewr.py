"""The weather at Newark (EWR) in 2013 as nested documents of MongoDB, one an hour."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.seeding.package import fingerprint, package_file

DATABASE = "weather"
COLLECTION = "observations"
STATION = "EWR"
HOURS_UNTIL_FINAL = 2
"""An observation is final 2 hours after its hour: what the demo takes as ``updated_at``."""

MARKS = "seeded"
"""The collection whose document says what ``observations`` was filled with."""


def seed_weather_ewr(server: MongoServer) -> bool:
    """Fill the collection ``observations`` of the database ``weather`` with 8,703 documents.

    The mark is written after everything else, so a seeding that was cut short is done again from the
    start. Returns False when the collection is already there from the same file.
    """
    now = fingerprint(__file__, "weather.csv")
    with server.client() as client:
        database = client[DATABASE]
        if database[MARKS].find_one({"_id": COLLECTION, "fingerprint": now}) is not None:
            return False
        database[MARKS].delete_many({})
        database[COLLECTION].drop()
        database[COLLECTION].insert_many(documents())
        database[COLLECTION].create_index("updated_at")
        database[MARKS].insert_one({"_id": COLLECTION, "fingerprint": now})
    return True


def documents() -> Iterator[dict[str, Any]]:
    """The documents of the station's hours, in the order of the file."""
    with package_file("weather.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["origin"] == STATION:
                yield _document(row)


def _document(row: dict[str, str]) -> dict[str, Any]:
    hour = datetime.fromisoformat(row["time_hour"])
    return {
        "_id": f"{STATION}-{hour:%Y%m%dT%HZ}",
        "station": {
            "code": row["origin"],
            "local": {name: int(row[name]) for name in ("year", "month", "day", "hour")},
        },
        "observed_at": hour,
        "temperature": {"air_f": _number(row["temp"]), "dew_point_f": _number(row["dewp"])},
        "humidity_percent": _number(row["humid"]),
        "wind": {
            "direction_degrees": _number(row["wind_dir"]),
            "speed_mph": _number(row["wind_speed"]),
            "gust_mph": _number(row["wind_gust"]),
        },
        "precipitation_in": _number(row["precip"]),
        "pressure_mbar": _number(row["pressure"]),
        "visibility_miles": _number(row["visib"]),
        "updated_at": hour + timedelta(hours=HOURS_UNTIL_FINAL),
    }


def _number(text: str) -> int | float | None:
    """A number as it is written: whole or with decimals. A missing one ("NA" or nothing) is None."""
    if text in ("", "NA"):
        return None
    return float(text) if "." in text or "e" in text else int(text)
