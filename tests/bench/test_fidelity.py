"""The comparison finds every difference between a peer's files and the known data, in any order."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench import hostile
from bench.columns import Column
from bench.datasets import Dataset
from bench.fidelity import EXACT, compare
from bench.measuring import Run, RunFailed

DATA = Dataset(
    "items",
    "items",
    ("id",),
    (
        Column("id", "integer"),
        Column("price", "decimal", digits=(12, 2)),
        Column("code", "uuid"),
        Column("document", "json", fields=("a",)),
        Column("note", "text"),
    ),
)

KNOWN = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "price": pa.array([Decimal("0.10"), Decimal("2.00"), Decimal("-3.33")], pa.decimal128(12, 2)),
        "code": ["182be0c5-cdcd-5072-bb18-64cdee4d3d6e"] * 3,
        "document": ['{"a": 1}', '{"a": "x"}', '{"a": null}'],
        "note": ["", None, "long"],
    }
)


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., str]:
    """The verdict on a table that a peer wrote, in as many files as wanted."""
    reference = tmp_path / "known.parquet"
    pq.write_table(KNOWN, reference)
    folder = tmp_path / "out"
    folder.mkdir()

    def verdict(*tables: pa.Table, payload: str | None = None) -> str:
        for number, table in enumerate(tables):
            pq.write_table(table, folder / f"{number}.parquet")
        return compare(DATA, reference, folder, payload)

    return verdict


def altered(column: str, values: Any) -> pa.Table:
    return KNOWN.set_column(KNOWN.schema.get_field_index(column), column, values)


def test_other_files_order_and_types_of_the_same_values_are_exact(compared: Callable[..., str]) -> None:
    columns = {
        "note": KNOWN["note"],
        "document": ['{"a":1}', '{ "a":"x" }', '{"a":null}'],
        "code": pa.array([bytes.fromhex("182be0c5cdcd5072bb1864cdee4d3d6e")] * 3, pa.binary(16)),
        "price": ["0.10", "2.00", "-3.33"],
        "id": pa.array([1, 2, 3], pa.int32()),
    }
    found = pa.table(columns)
    assert compared(found.slice(2), found.slice(0, 2)) == EXACT


def test_documents_kept_whole_are_compared_by_their_fields(compared: Callable[..., str]) -> None:
    rows = [
        '{"id": 3, "price": -3.33, "code": "182be0c5-cdcd-5072-bb18-64cdee4d3d6e", "document": {"a": null}, '
        '"note": "long"}',
        '{"id": 1, "price": 0.1, "code": "182be0c5-cdcd-5072-bb18-64cdee4d3d6e", "document": {"a": 1}, '
        '"note": ""}',
        '{"id": 2, "price": 2, "code": "182be0c5-cdcd-5072-bb18-64cdee4d3d6e", "document": {"a": "x"}}',
    ]
    assert compared(pa.table({"payload": rows}), payload="payload") == EXACT


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([KNOWN.slice(1)], "2 rows instead of 3"),
        ([KNOWN, KNOWN.slice(2)], "4 rows instead of 3"),
        ([altered("note", pa.array(["", "", "long"]))], "altered: note"),
        ([altered("note", pa.array([None, None, "long"], pa.string()))], "altered: note"),
        ([altered("price", pc.cast(KNOWN["price"], pa.float64()))], "as DOUBLE: price"),
        ([altered("document", pa.array(['{"a": 2}', '{"a": "x"}', '{"a": null}']))], "altered: document"),
        ([KNOWN.drop_columns(["code"])], "lost: code"),
        # The values of a column are all there, each at another row.
        ([altered("price", KNOWN["price"].take([1, 0, 2]))], "altered: price"),
        ([], "no files"),
    ],
)
def test_every_difference_is_told(compared: Callable[..., str], tables: list[pa.Table], said: str) -> None:
    assert compared(*tables) == said


def trap(**fields: Any) -> hostile.Trap:
    return hostile.Trap(**{"name": "n", "type": "numeric", "literal": "1", "same": ("1.10",), **fields})


DONE = Run(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("value", "outcome"),
    [("1.10", "exact"), (Decimal("1.10"), "exact"), (1.1, "altered"), (None, "NULL")],
)
def test_a_hostile_value_is_judged_by_what_the_file_holds(
    tmp_path: Path, value: Any, outcome: hostile.Outcome
) -> None:
    pq.write_table(pa.table({"id": [1], "v": [value]}), tmp_path / "part.parquet")
    assert hostile.outcome(trap(), DONE, tmp_path) == outcome


def test_a_hostile_value_without_a_row_was_set_aside_or_lost(tmp_path: Path) -> None:
    assert hostile.outcome(trap(), DONE, tmp_path) == "lost"
    assert hostile.outcome(trap(), Run(1.0, 1.0, 1.0, set_aside=1), tmp_path) == "set aside"
    assert hostile.outcome(trap(), RunFailed("no"), tmp_path) == "error"


def test_a_hostile_value_of_a_csv_file_is_its_text(tmp_path: Path) -> None:
    (tmp_path / "part.csv").write_text("id,v\n1,1.10\n")
    assert hostile.outcome(trap(), DONE, tmp_path) == "exact"
