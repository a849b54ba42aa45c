from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from include.headrace.settings import DBT_DIR
from tests.dbt_project import raw
from tests.dbt_project.dbt_command import Run, dbt
from tests.support.snowflake import LocalSnowflake, start_local_snowflake

AIRPORTS = [
    {"faa": "EWR", "name": "Newark Liberty Intl", "lat": "40.6925", "lon": "-74.168667", "alt": "18"},
    {"faa": "JFK", "name": "John F Kennedy Intl", "lat": "40.639751", "lon": "-73.778925", "alt": "13"},
    {"faa": "LGA", "name": "La Guardia", "lat": "40.777245", "lon": "-73.872608", "alt": "22"},
    {"faa": "ORD", "name": "Chicago Ohare Intl", "lat": "41.978603", "lon": "-87.904842", "alt": "668"},
]


@pytest.fixture(scope="session")
def snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSnowflake]:
    server = start_local_snowflake(tmp_path_factory.mktemp("snowflake"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The project parsed, with no warehouse to connect to."""
    return dbt("parse", project=DBT_DIR, folder=tmp_path_factory.mktemp("parsed"))


@pytest.fixture(scope="session")
def manifest(parsed: Run) -> dict[str, Any]:
    assert parsed.returncode == 0, parsed.output
    return parsed.artifact("manifest.json")


@dataclass(frozen=True)
class History:
    """Two runs of the project: the first on an empty warehouse, the second after another load."""

    snowflake: LocalSnowflake
    first: Run
    second: Run

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        cursor = self.snowflake.connect().cursor().execute(statement)
        assert cursor is not None
        return [tuple(row) for row in cursor.fetchall()]


@pytest.fixture(scope="session")
def history(snowflake: LocalSnowflake, tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("runs")
    with snowflake.connect() as connection:
        raw.create(connection)
        changed = {"updated_at": "2013-07-05 00:00:00+00:00"}
        raw.load(connection, "REFERENCE", "AIRPORTS", "ref-1", [{**row, "tzone": "NA"} for row in AIRPORTS])
        raw.load(
            connection,
            "ARCHIVE",
            "FLIGHTS",
            "arc-1",
            [
                raw.flight(1, "2013-03-10 01:59 -0500"),
                raw.flight(
                    2, "2013-03-10 03:05 -0400", tailnum=None, dep_time=None, dep_delay=None, arr_delay=None
                ),
                raw.flight(3, "2013-06-30 20:00 -0400", dest="SJU", arr_delay=15),
                raw.flight(4, "2013-07-04 21:15 -0400", arr_delay=99),
            ],
        )
        raw.load(
            connection,
            "OPERATIONS",
            "FLIGHTS",
            "ops-1",
            [
                raw.flight(4, "2013-07-04 21:15 -0400", arr_delay=14, **changed),
                raw.flight(5, "2013-11-03 06:00 -0500", arr_delay=None, air_time=None, **changed),
            ],
        )
        raw.load(connection, "CARRIERS", "AIRLINES", "car-1", [raw.airline("UA", "United Air Lines Inc.")])
        raw.load(
            connection,
            "FLEET",
            "PLANES",
            "fle-1",
            [raw.plane("N1"), raw.plane("N9", manufacturer="AIRBUS INDUSTRIE", model="A320-214", seats=182)],
        )
        # The night on which the clocks are put back has 01:00 twice, at 05 and at 06 UTC.
        ewr = [
            raw.weather_ewr("2013-03-10T06Z", temperature=None),
            raw.weather_ewr("2013-11-03T06Z", wind=None),
        ]
        raw.load(
            connection,
            "WEATHER_EWR",
            "OBSERVATIONS",
            "ewr-1",
            [*ewr, raw.weather_ewr("2013-11-03T05Z", wind=1048.36)],
        )
        raw.load(connection, "WEATHER_JFK", "OBSERVATIONS", "jfk-1", [raw.weather_jfk("2013-01-01T06Z")])
        raw.load(connection, "WEATHER_LGA", "OBSERVATIONS", "lga-1", [raw.weather_lga("2013-01-01T06Z")])
        failed = [
            raw.ran("one", "orders.run", "error", "2024-01-01 10:00:04", message="no such column"),
            raw.ran("one", "stg_orders.run", "success", "2024-01-01 10:00:09", row_count=5),
        ]
        raw.load(connection, "DBT", "NODES", "dbt-1", failed)
        first = dbt("build", project=DBT_DIR, folder=folder / "first", port=snowflake.port)

        # The next load changes one flight and brings one. It was committed after the first run, and it
        # began before the load that the run saw.
        connection.cursor().execute("delete from RAW.OPERATIONS.FLIGHTS where FLIGHT = 4")
        changed = {"updated_at": "2013-07-06 00:00:00+00:00"}
        raw.load(
            connection,
            "OPERATIONS",
            "FLIGHTS",
            "ops-2",
            [
                raw.flight(4, "2013-07-04 21:15 -0400", arr_delay=30, **changed),
                raw.flight(6, "2013-12-24 05:30 -0500", dest="XYZ", tailnum="N404", **changed),
                raw.flight(7, "2013-12-24 05:30 -0500", carrier="ZZ", **changed),
            ],
            loaded_at="2023-12-31 00:00:00",
        )
        connection.cursor().execute("update RAW.REFERENCE.AIRPORTS set NAME = 'Newark' where FAA = 'EWR'")
        # Weather comes later than the flight that left in it, an hour is taken back, and the register of
        # aircraft changes one and loses one.
        connection.cursor().execute("delete from RAW.WEATHER_EWR.OBSERVATIONS where _ID = 'EWR-20130310T06Z'")
        late = [raw.weather_ewr("2013-07-05T01Z", visibility=0.5), raw.weather_ewr("2013-03-10T07Z")]
        raw.load(connection, "WEATHER_EWR", "OBSERVATIONS", "ewr-2", late)
        connection.cursor().execute("delete from RAW.FLEET.PLANES")
        raw.load(connection, "FLEET", "PLANES", "fle-2", [raw.plane("N1", seats=178)])
        # A task is cleared, runs again and is tested; then another run, in which the test fails.
        again = [
            raw.ran("one", "orders.run", "success", "2024-01-01 11:00:04", try_number=2, row_count=7),
            raw.ran("one", "orders.is_whole", "pass", "2024-01-01 11:00:09", failures=0),
        ]
        raw.load(connection, "DBT", "NODES", "dbt-2", again)
        worse = [raw.ran("two", "orders.is_whole", "fail", "2024-01-02 10:00:04", failures=3, seconds=1.5)]
        raw.load(connection, "DBT", "NODES", "dbt-3", worse)
        # What the first run parsed, to parse only what changed, as every run after a first one does.
        (folder / "second" / "target").mkdir(parents=True)
        shutil.copy(folder / "first" / "target" / "partial_parse.msgpack", folder / "second" / "target")
        second = dbt(
            *("build", "--exclude-resource-type", "unit_test"),
            project=DBT_DIR,
            folder=folder / "second",
            port=snowflake.port,
        )
    return History(snowflake, first, second)
