"""Arrow batches to Parquet files of bounded size, each named by its content and counted."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.headrace.manifest import FileKind, StagedFile

TARGET_FILE_BYTES = 128 * 1024 * 1024
"""When a staged file is full, in compressed bytes. Snowflake's advice is 100 to 250 MB
(documentation, "Preparing your data files")."""


ROW_GROUP_BYTES = 4 * 1024 * 1024
"""Batches are gathered to at least this many bytes of Arrow memory, so that many small ones make few row
groups."""

SAMPLE_ROWS = 2_000

PART_COLUMN = "#PART"
"""A column of every staged file that says in each row of which file it is, so that a file in the place of
another is seen when it is loaded. No column of a source has such a name once it is folded."""

PREFIXES: dict[FileKind, str] = {"rows": "", "quarantine": "q", "keys": "k"}
"""How the names of the files of each kind begin."""


@dataclass
class PartWriter:
    """Writes one kind of file of one stream, part after part, handing over each finished file once.

    ``path`` is where the files will be in the stage.
    """

    folder: Path
    kind: FileKind
    schema: pa.Schema
    stream: int = 0
    path: str = ""
    part: int = 0
    rows: int = 0
    non_null: dict[str, int] = field(default_factory=dict)
    _writer: pq.ParquetWriter | None = None
    _gathered: list[pa.RecordBatch] = field(default_factory=list)

    def write(self, batch: pa.RecordBatch) -> bool:
        """Add a batch to the open file; True when the file is full."""
        if self._writer is None:
            self.non_null = dict.fromkeys(self.schema.names, 0)
            # Nothing that reads the files looks at statistics, and a dictionary of values that hardly
            # repeat costs time and space: together a third to a half of the time that encoding takes.
            self._writer = pq.ParquetWriter(
                self._open_path,
                self.schema.append(pa.field(PART_COLUMN, pa.dictionary(pa.int8(), pa.string()))),
                compression="zstd",
                use_dictionary=[*_repeating(batch), PART_COLUMN],
                write_statistics=False,
                store_schema=False,
            )
        self._gathered.append(batch)
        self.rows += batch.num_rows
        for name, column in zip(self.schema.names, batch.columns, strict=True):
            self.non_null[name] += len(column) - column.null_count
        if sum(one.nbytes for one in self._gathered) >= ROW_GROUP_BYTES:
            self._write_row_group(self._writer)
        return self._open_path.stat().st_size >= TARGET_FILE_BYTES

    def _write_row_group(self, writer: pq.ParquetWriter) -> None:
        if self._gathered:
            table = pa.Table.from_batches(self._gathered, self.schema)
            self._gathered.clear()
            part = pa.DictionaryArray.from_arrays(np.zeros(table.num_rows, np.int8), [self._part_name])
            writer.write_table(table.append_column(PART_COLUMN, part), row_group_size=max(1, table.num_rows))

    @property
    def _prefix(self) -> str:
        """How the open file's name begins. Stream and part come first so that names, as text, sort in the
        order of the rows."""
        return f"{PREFIXES[self.kind]}{self.stream:02d}{self.part:05d}-"

    @property
    def _part_name(self) -> str:
        return f"{self.path}{self._prefix}"

    @property
    def _open_path(self) -> Path:
        return self.folder / f"{self.kind}-{self.stream}.open"

    def finish(self) -> tuple[Path, StagedFile] | None:
        """Close the open file and name it by its content; None when nothing was written."""
        if self._writer is None:
            return None
        self._write_row_group(self._writer)
        self._writer.close()
        with self._open_path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        # The hash keeps a name from ever standing for two contents: a stage skips an existing name whatever
        # its bytes.
        path = self.folder / f"{self._prefix}{digest[:16]}-{self.rows}.parquet"
        self._open_path.rename(path)
        staged = StagedFile(
            name=path.name,
            kind=self.kind,
            rows=self.rows,
            bytes=path.stat().st_size,
            sha256=digest,
            non_null=dict(self.non_null),
        )
        self.part, self.rows, self._writer = self.part + 1, 0, None
        return path, staged

    def abandon(self) -> None:
        """Close and remove the open file, so that neither it nor its handle outlives an error."""
        self._gathered.clear()
        if self._writer is not None:
            # The file is thrown away, and an error that says why is on its way already.
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._writer = None
        self._open_path.unlink(missing_ok=True)


def _repeating(batch: pa.RecordBatch) -> list[str]:
    """The columns whose values mostly come again, by the batch's first rows."""
    first = batch.slice(0, SAMPLE_ROWS)
    return [
        name
        for name, column in zip(first.schema.names, first.columns, strict=True)
        if _distinct(column) * 2 <= first.num_rows
    ]


def _distinct(column: pa.Array) -> int:
    """How many values a column has; for types that Arrow cannot count or that need no dictionary, all."""
    if pa.types.is_dictionary(column.type):
        return 0
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
        return len(column)
    try:
        return int(pc.count_distinct(column).as_py())
    except pa.ArrowNotImplementedError:
        return len(column)
