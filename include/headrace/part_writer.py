"""Arrow batches to Parquet files of bounded size, each named by its content and counted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.headrace.manifest import FileKind, StagedFile

TARGET_FILE_BYTES = 128 * 1024 * 1024
"""When a staged file is full, in compressed bytes. Snowflake's advice is 100 to 250 MB
(documentation, "Preparing your data files")."""


@dataclass
class PartWriter:
    """Writes one kind of file of one stream, part after part, handing over each finished file once."""

    folder: Path
    kind: FileKind
    schema: pa.Schema
    stream: int = 0
    part: int = 0
    rows: int = 0
    non_null: dict[str, int] = field(default_factory=dict)
    _writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> bool:
        """Add a batch to the open file; True when the file is full."""
        if self._writer is None:
            self.non_null = dict.fromkeys(self.schema.names, 0)
            self._writer = pq.ParquetWriter(
                self._open_path, self.schema, compression="zstd", store_schema=False
            )
        self._writer.write_batch(batch)
        self.rows += batch.num_rows
        for name, column in zip(self.schema.names, batch.columns, strict=True):
            self.non_null[name] += len(column) - column.null_count
        return self._open_path.stat().st_size >= TARGET_FILE_BYTES

    @property
    def _open_path(self) -> Path:
        return self.folder / f"{self.kind}-{self.stream}.open"

    def finish(self) -> tuple[Path, StagedFile] | None:
        """Close the open file and name it by its content; None when nothing was written."""
        if self._writer is None:
            return None
        self._writer.close()
        with self._open_path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        # Stream and part come first so that names, as text, sort in the order of the rows; the hash keeps
        # a name from ever standing for two contents, since a stage skips an existing name whatever its bytes.
        prefix = "q" if self.kind == "quarantine" else ""
        path = self.folder / f"{prefix}{self.stream:02d}{self.part:05d}-{digest[:16]}-{self.rows}.parquet"
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
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._open_path.unlink()
