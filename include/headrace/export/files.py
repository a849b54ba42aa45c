"""The two files of an export: written side by side from the same rows, then read again and counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from include.headrace.export.columns import as_text
from include.headrace.export.place import Place

ROWS_A_GROUP = 32_768
"""Rows of a Parquet row group: the same however the warehouse cuts its answer, so that equal rows give
equal files, and few enough to be held in memory."""

CHUNK_BYTES = 4 * 1024 * 1024
FORMATS = ("parquet", "csv")


@dataclass(frozen=True)
class WrittenFile:
    """A file as it was found when it was read again. ``path`` is below the model's folder."""

    path: str
    rows: int
    bytes: int
    sha256: str


class Writers:
    """Both open files. Rows go to both, in groups of one size."""

    def __init__(self, schema: pa.Schema, parquet: BinaryIO, csv: BinaryIO, stack: ExitStack) -> None:
        self._waiting: list[pa.Table] = []
        self._parquet = stack.enter_context(pq.ParquetWriter(parquet, schema, compression="zstd"))
        self._csv = stack.enter_context(pa_csv.CSVWriter(csv, as_text(schema.empty_table()).schema))

    def write(self, rows: pa.Table) -> None:
        """Add rows in the files' schema."""
        self._waiting.append(rows)
        if sum(part.num_rows for part in self._waiting) < ROWS_A_GROUP:
            return
        together = pa.concat_tables(self._waiting)
        whole = together.num_rows - together.num_rows % ROWS_A_GROUP
        for start in range(0, whole, ROWS_A_GROUP):
            self._group(together.slice(start, ROWS_A_GROUP))
        self._waiting = [together.slice(whole)]

    def flush(self) -> None:
        """Write what is left: the last group."""
        together = pa.concat_tables(self._waiting) if self._waiting else None
        if together is not None and together.num_rows:
            self._group(together)
        self._waiting = []

    def _group(self, rows: pa.Table) -> None:
        self._parquet.write_table(rows.combine_chunks(), row_group_size=ROWS_A_GROUP)
        self._csv.write_table(as_text(rows))


@contextmanager
def writers(place: Place, version: str, name: str, schema: pa.Schema) -> Iterator[Writers]:
    """Open both files of a version for writing; they are complete when the block ends without an error."""
    with ExitStack() as stack:
        parquet, csv = (stack.enter_context(place.create(f"{version}/{name}.{one}")) for one in FORMATS)
        both = Writers(schema, parquet, csv, stack)
        yield both
        both.flush()


def read_again(place: Place, version: str, name: str) -> dict[str, WrittenFile]:
    """The files of a version by format, counted and hashed from what the folder now holds."""
    found = {}
    for one in FORMATS:
        path = f"{version}/{name}.{one}"
        size, digest, records = _scan(place, path)
        rows = _parquet_rows(place, path) if one == "parquet" else records - 1
        found[one] = WrittenFile(path, rows, size, digest)
    return found


def _parquet_rows(place: Place, path: str) -> int:
    with place.open(path) as handle, pq.ParquetFile(handle) as file:
        return sum(batch.num_rows for batch in file.iter_batches(batch_size=ROWS_A_GROUP))


def _scan(place: Place, path: str) -> tuple[int, str, int]:
    """Bytes, SHA-256, and line ends outside quotes, which in CSV are its records, the header's too."""
    size, records, quotes = 0, 0, 0
    digest = hashlib.sha256()
    with place.open(path) as handle:
        while chunk := handle.read(CHUNK_BYTES):
            size += len(chunk)
            digest.update(chunk)
            for part in chunk.split(b'"'):
                if quotes % 2 == 0:
                    records += part.count(b"\n")
                quotes += 1
            # The last part goes on in the next chunk.
            quotes -= 1
    return size, digest.hexdigest(), records
