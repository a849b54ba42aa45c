"""Files that several readers share: every row once, and in the order of the files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.headrace.config import JsonSource, JsonTable
from include.headrace.readers import reader_for
from include.headrace.readers.base import Piece, Reader, Span, streams_of
from include.headrace.readers.division import runs
from tests.support.reading import csv_reader, parquet_reader

ROWS = 1000
Make = Callable[..., Reader]


def json_reader(location: str, **fields: Any) -> Reader:
    taken = {"columns": {"id": "NUMBER(19,0)", "at": "TIMESTAMP_NTZ"}, **fields}
    if "cursor" in fields:
        taken["disposition"] = "append"
    table = JsonTable(name="items", path="*.json", **taken)
    return reader_for(JsonSource(name="shop", kind="json", location=location, tables=(table,)), table)


def csv_of_ids(location: str, **fields: Any) -> Reader:
    return csv_reader(location, columns={"id": "NUMBER(19,0)", "at": "TIMESTAMP_NTZ"}, **fields)


@pytest.fixture(params=["csv", "json", "parquet"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A reader of five files of one kind: the ids 0 to 999 in their order, in files of unequal size."""
    bounds = [0, 100, 110, 500, 505, ROWS]
    for number, (first, end) in enumerate(pairwise(bounds)):
        path = tmp_path / f"{number}.{request.param}"
        moments = [datetime(2024, 1, 1) + timedelta(hours=row) for row in range(first, end)]
        if request.param == "csv":
            lines = (f"{row},{at}\n" for row, at in zip(range(first, end), moments, strict=True))
            path.write_text("id,at\n" + "".join(lines))
        elif request.param == "json":
            lines = (
                f'{{"id": {row}, "at": "{at}"}}\n' for row, at in zip(range(first, end), moments, strict=True)
            )
            path.write_text("".join(lines))
        else:
            table = pa.table(
                {
                    "id": pa.array(range(first, end), pa.decimal128(19, 0)),
                    "at": pa.array(moments, pa.timestamp("us")),
                }
            )
            pq.write_table(table, path, row_group_size=50)
    readers: dict[str, Make] = {"csv": csv_of_ids, "json": json_reader, "parquet": parquet_reader}
    return lambda **fields: readers[request.param](str(tmp_path), **fields)


def streams(reader: Reader, span: Span | None = None) -> list[list[Piece]]:
    with reader.open(span or Span()) as extraction:
        return [list(stream) for stream in streams_of(extraction)]


def ids(pieces: list[Piece]) -> list[int]:
    return [int(one) for piece in pieces for one in piece.rows.column("id").to_pylist()]


@pytest.mark.parametrize("readers", [2, 3, 4])
def test_the_streams_hold_every_row_once_and_one_after_another(make: Make, readers: int) -> None:
    found = [ids(stream) for stream in streams(make(readers=readers))]
    assert 1 < len(found) <= readers
    assert list(chain(*found)) == list(range(ROWS))
    assert all(found)


def test_one_reader_reads_all(make: Make) -> None:
    [only] = streams(make())
    assert ids(only) == list(range(ROWS))


def test_a_sample_and_a_span_are_the_same_in_streams(make: Make) -> None:
    fields = {"sample": 0.3, "cursor": "at"}
    span = Span(lower="2024-01-02 00:00:00", upper="2024-02-01 00:00:00")
    [whole] = streams(make(**fields), span)
    shared = streams(make(readers=4, **fields), span)
    assert len(shared) > 1
    assert list(chain(*map(ids, shared))) == ids(whole)
    assert 100 < len(ids(whole)) < 400
    assert sum(piece.discarded for piece in chain(*shared)) == ROWS - len(ids(whole))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"limit": 120}, range(120)),
        ({"cursor": "at", "window": timedelta(hours=9)}, range(990, ROWS)),
    ],
)
def test_what_looks_at_all_rows_has_one_reader(make: Make, fields: dict[str, Any], expected: range) -> None:
    [only] = streams(make(readers=4, **fields))
    assert ids(only) == list(expected)


def test_one_parquet_file_is_shared_by_its_row_groups_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    # The last row of each group of ten has a year that no Snowflake column holds.
    days = [3_000_000 if row % 10 == 9 else row for row in range(100)]
    table = pa.table({"id": range(100), "day": pa.array(days, pa.date32())})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10)
    found = streams(parquet_reader(str(tmp_path), readers=3))
    assert [len(ids(stream)) for stream in found] == [27, 36, 27]
    positions = [one.position for stream in found for piece in stream for one in piece.rejected]
    assert positions == [f"a.parquet row {row}" for row in range(10, 101, 10)]


def test_parquet_files_without_rows_are_one_empty_stream(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    found = streams(parquet_reader(str(tmp_path), readers=3))
    assert [ids(stream) for stream in found] == [[]]


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([], 3, []),
        ([0, 0, 0], 2, [[0, 1, 2]]),
        ([5], 4, [[0]]),
        ([1, 1, 1, 1], 2, [[0, 1], [2, 3]]),
        ([100, 1, 1, 1], 3, [[0], [1, 2, 3]]),
        ([1, 1, 1, 100], 2, [[0, 1, 2], [3]]),
        ([1, 1, 1], 9, [[0], [1], [2]]),
    ],
)
def test_runs_are_in_order_and_of_about_one_size(
    sizes: list[int], most: int, expected: list[list[int]]
) -> None:
    assert runs(range(len(sizes)), sizes, most) == expected
