"""CSV files as other writers make them come back as they were, however the stream is cut."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from include.headrace.readers import csv_records
from include.headrace.readers.csv import CsvExtraction
from tests.support.reading import csv_reader, read

CELLS = st.text(st.sampled_from('ab,;" \n\r\té日'), max_size=6)
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv")


@settings(max_examples=100, deadline=None)
@given(
    table=TABLES,
    end=st.sampled_from(["\n", "\r\n"]),
    all_quoted=st.booleans(),
    block=st.sampled_from([5, 16, 1 << 20]),
    by_record=st.booleans(),
)
def test_what_python_writes_comes_back(
    folder: Path, table: list[tuple[str, str, str]], end: str, all_quoted: bool, block: int, by_record: bool
) -> None:
    # Python writes a lone CR without quotes, and reads it as a line's end, as everyone does.
    assume(all_quoted or not any("\r" in cell for row in table for cell in row))
    target = io.StringIO()
    writer = csv.writer(
        target, lineterminator=end, quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    )
    writer.writerow(["x", "y", "z"])
    writer.writerows(table)
    (folder / "items.csv").write_bytes(target.getvalue().encode())
    with mock.patch.object(csv_records, "BLOCK_BYTES", block):
        if by_record:
            with mock.patch.object(CsvExtraction, "_by_arrow", lambda *_: None):
                found = read(csv_reader(str(folder), null_values=()))
        else:
            found = read(csv_reader(str(folder), null_values=()))
    assert found.rejected == []
    assert [tuple(row.values()) for row in found.rows] == table


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.sampled_from('a1,"\n\r '), max_size=40), block=st.sampled_from([3, 8, 1 << 20]))
def test_both_parsers_and_every_cut_agree_on_any_text(folder: Path, text: str, block: int) -> None:
    (folder / "items.csv").write_bytes(b"x,y\n" + text.encode())
    reader = csv_reader(str(folder))
    with mock.patch.object(CsvExtraction, "_by_arrow", lambda *_: None):
        expected = read(reader)
    with mock.patch.object(csv_records, "BLOCK_BYTES", block):
        found = read(reader)
    assert found.rows == expected.rows
    assert found.rejected == expected.rejected
