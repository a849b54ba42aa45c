"""A file that is replaced, cut, extended or removed while it is read: told, and worth a retry."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.headrace.config import JsonSource, JsonTable
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers import reader_for
from include.headrace.readers.base import Reader, Span
from tests.support.reading import csv_reader, parquet_reader

ROWS = 60_000


def write_csv(path: Path, rows: int) -> None:
    path.write_text("id,note\n" + "".join(f"{n},{'x' * 300}\n" for n in range(rows)))


def write_json(path: Path, rows: int) -> None:
    path.write_text("".join(json.dumps({"id": n, "note": "x" * 300}) + "\n" for n in range(rows)))


def write_parquet(path: Path, rows: int) -> None:
    table = pa.table({"id": range(rows), "note": [os.urandom(150).hex() for _ in range(rows)]})
    pq.write_table(table, path, row_group_size=5_000)


def json_reader(location: str) -> Reader:
    table = JsonTable(name="items", path="*.json", primary_key=("id",))
    return reader_for(JsonSource(name="shop", kind="json", location=location, tables=(table,)), table)


KINDS: dict[str, tuple[Callable[[Path, int], None], Callable[[str], Reader]]] = {
    "csv": (write_csv, csv_reader),
    "json": (write_json, json_reader),
    "parquet": (write_parquet, parquet_reader),
}


def replaced(path: Path, write: Callable[[Path, int], None]) -> None:
    write(path.with_suffix(".new"), ROWS // 2)
    path.with_suffix(".new").replace(path)


def written_again(path: Path, write: Callable[[Path, int], None]) -> None:
    write(path, ROWS // 2)


def cut(path: Path, write: Callable[[Path, int], None]) -> None:
    os.truncate(path, path.stat().st_size // 2)


def extended(path: Path, write: Callable[[Path, int], None]) -> None:
    with path.open("ab") as file:
        file.write(b'{"id": -1}\n')


@pytest.mark.parametrize("change", [replaced, written_again, cut, extended])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_changes_while_it_is_read_is_told_and_worth_a_retry(
    tmp_path: Path, kind: str, change: Callable[[Path, Callable[[Path, int], None]], None]
) -> None:
    write, reader = KINDS[kind]
    path = tmp_path / f"items.{kind}"
    write(path, ROWS)
    with (
        pytest.raises(PassingError, match="was changed while it was read"),
        reader(str(tmp_path)).open(Span()) as extraction,
    ):
        pieces = extraction.pieces()
        next(pieces)
        change(path, write)
        for _ in pieces:
            pass


def test_a_file_removed_while_it_is_read_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "items.csv", ROWS)
    with (
        pytest.raises(SourceError, match=r"items\.csv; it was removed"),
        csv_reader(str(tmp_path)).open(Span()) as extraction,
    ):
        pieces = extraction.pieces()
        next(pieces)
        (tmp_path / "items.csv").unlink()
        for _ in pieces:
            pass
