"""The weather at Kennedy (JFK) in 2013 as NDJSON files, one a month, a document an hour."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from include.headrace.demo.seeding.package import fingerprint, package_file

STATION = "JFK"
TEXTS = ("origin", "time_hour")


def seed_weather_jfk(folder: Path) -> bool:
    """Write ``observations-2013-MM.ndjson`` into ``folder``, 8,706 lines in twelve files.

    A month is New York's, as the package counts it. The stamp is written after everything else, so a
    seeding that was cut short is done again from the start. Returns False when ``folder`` already holds
    the files.
    """
    stamp, now = folder / "seeded", fingerprint(__file__, "weather.csv")
    if stamp.exists() and stamp.read_text() == now:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    months: dict[int, list[str]] = {}
    for month, line in _documents():
        months.setdefault(month, []).append(line)
    for month, lines in months.items():
        path = folder / f"observations-2013-{month:02}.ndjson"
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
    stamp.write_text(now)
    return True


def _documents() -> Iterator[tuple[int, str]]:
    """The month and the line of each of the station's hours, in the order of the file."""
    with package_file("weather.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["origin"] == STATION:
                fields = ", ".join(f"{json.dumps(name)}: {_value(name, text)}" for name, text in row.items())
                yield int(row["month"]), f"{{{fields}}}\n"


def _value(name: str, text: str) -> str:
    """A value as JSON: numbers digit by digit as the file has them, a missing one ("NA" or nothing) null."""
    if text in ("", "NA"):
        return "null"
    return json.dumps(text) if name in TEXTS else text
