"""Batches to Parquet files of bounded size, and files to the stage, each checked and counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.headrace.cursors import later
from include.headrace.errors import CountError, SourceError
from include.headrace.manifest import FileKind, LoadIds, Manifest, StagedFile, now
from include.headrace.names import quote
from include.headrace.readers.base import Extraction, Rejected, Span
from include.headrace.schema import Column, columns_of
from include.headrace.session import Session

TARGET_FILE_BYTES = 128 * 1024 * 1024
"""When a staged file is full, in compressed bytes. Snowflake's advice is 100 to 250 MB
(documentation, "Preparing your data files")."""

STAGE_NAME = "LANDING"
UPLOAD_THREADS = 4
REJECTED_SCHEMA = pa.schema([("POSITION", pa.string()), ("REASON", pa.string()), ("RECORD", pa.string())])
"""The columns of a file of rows set aside."""

REJECTED_FLUSH_ROWS = 10_000


@dataclass
class _PartWriter:
    """Writes one kind of file, part after part, handing over each finished file once."""

    folder: Path
    kind: FileKind
    schema: pa.Schema
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
        return self.folder / f"{self.kind}.open"

    def finish(self) -> tuple[Path, StagedFile] | None:
        """Close the open file and name it by its content; None when nothing was written."""
        if self._writer is None:
            return None
        self._writer.close()
        with self._open_path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        # The part comes first so that names sort as written; the hash keeps a name from ever
        # standing for two contents, since a stage skips an existing name whatever its bytes.
        prefix = "q" if self.kind == "quarantine" else ""
        path = self.folder / f"{prefix}{self.part:05d}-{digest[:16]}-{self.rows}.parquet"
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
        """Close the open file without keeping it, so that its handle does not outlive an error."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


@dataclass(frozen=True)
class Window:
    """What of the run the manifest keeps: the span read, and the run's data interval as text."""

    span: Span
    interval_start: str | None = None
    interval_end: str | None = None
    sampled: bool = False


def stage_location(database: str, schema: str, path: str = "") -> str:
    """The stage of one source with a path inside, as a statement names it."""
    return f"@{quote(database, schema, STAGE_NAME)}/{path}"


def stage_extraction(
    session: Session,
    extraction: Extraction,
    ids: LoadIds,
    *,
    location: str,
    folder: Path,
    primary_key: Sequence[str],
    cursor: str | None,
    window: Window,
) -> Manifest:
    """Write an extraction to Parquet files in ``folder``, put each into the stage, and count.

    At most one file of each kind is on disk at a time. Column names in the files are folded.
    Raises SourceError when a key is NULL, when the key or the cursor is not among the columns, when the
    cursor is text, or when names collide; CountError when the stage did not take a file whole.
    """
    started_at = now().isoformat()
    columns = columns_of(extraction.schema)
    by_source = {column.source_name: column for column in columns}
    for name in [*primary_key, *([cursor] if cursor else [])]:
        if name not in by_source:
            raise SourceError(
                f"Table {ids.label} has no column {name!r}; it has {', '.join(by_source)}. "
                "Correct `primary_key` or `cursor` in the source file."
            )
    keys = [by_source[name].name for name in primary_key]
    cursor_column = by_source[cursor] if cursor else None
    if cursor_column is not None and cursor_column.type.startswith("VARCHAR"):
        raise SourceError(
            f"The cursor {cursor!r} of {ids.label} lands as text, which servers order in different ways; "
            "choose a time or a number, for a CSV file give its type under `columns`, or cast it in a view."
        )
    schema = pa.schema([pa.field(c.name, f.type) for c, f in zip(columns, extraction.schema, strict=True)])
    rows = _PartWriter(folder, "rows", schema)
    aside = _PartWriter(folder, "quarantine", REJECTED_SCHEMA)
    files: list[StagedFile] = []
    waiting: list[Rejected] = []
    extracted = discarded = quarantined = 0
    low: str | None = None
    high: str | None = None

    def upload(writer: _PartWriter) -> None:
        finished = writer.finish()
        if finished is not None:
            put_file(session, *finished, location=location)
            files.append(finished[1])

    try:
        for piece in extraction.pieces():
            batch = pa.RecordBatch.from_arrays(piece.rows.columns, schema=schema)
            _refuse_null_keys(batch, keys, ids)
            extracted += batch.num_rows + len(piece.rejected) + piece.discarded
            discarded += piece.discarded
            quarantined += len(piece.rejected)
            waiting += piece.rejected
            if cursor_column is not None and batch.num_rows:
                low, high = _widen_range(batch, cursor_column, low, high)
            if batch.num_rows and rows.write(batch):
                upload(rows)
            while len(waiting) >= REJECTED_FLUSH_ROWS:
                if aside.write(_rejected_batch(waiting[:REJECTED_FLUSH_ROWS])):
                    upload(aside)
                del waiting[:REJECTED_FLUSH_ROWS]
        if waiting:
            aside.write(_rejected_batch(waiting))
        upload(rows)
        upload(aside)
    finally:
        rows.abandon()
        aside.abandon()
    return Manifest(
        ids=ids,
        columns=tuple(columns),
        files=tuple(files),
        rows_extracted=extracted,
        rows_quarantined=quarantined,
        rows_discarded=discarded,
        span_lower=window.span.lower,
        span_lower_inclusive=window.span.lower_inclusive,
        span_upper=window.span.upper,
        cursor_min=low,
        cursor_max=high,
        schema_hash=_schema_hash(columns),
        sampled=window.sampled,
        interval_start=window.interval_start,
        interval_end=window.interval_end,
        started_at=started_at,
    )


def put_file(session: Session, path: Path, staged: StagedFile, *, location: str) -> None:
    """PUT one file and remove it from disk. ``location`` is ``@stage/path/``.

    Raises CountError unless the stage says UPLOADED with the very size of the file: a name that
    was there before is SKIPPED, whatever its content, and that is never success here.
    """
    source = path.as_posix().replace("\\", "\\\\").replace("'", "\\'")
    rows = session.query(
        f"PUT 'file://{source}' '{location}' AUTO_COMPRESS=FALSE SOURCE_COMPRESSION=NONE "
        f"OVERWRITE=FALSE PARALLEL={UPLOAD_THREADS}"
    )
    good = len(rows) == 1 and rows[0]["status"] == "UPLOADED" and int(rows[0]["source_size"]) == staged.bytes
    if not good:
        told = [(row["source"], row["status"], row["source_size"]) for row in rows]
        raise CountError(
            f"PUT of {staged.name} ({staged.bytes} bytes) to {location} answered {told}; "
            "nothing was loaded. Clear the extract task to stage it again."
        )
    path.unlink()


def _refuse_null_keys(batch: pa.RecordBatch, keys: Sequence[str], ids: LoadIds) -> None:
    for key in keys:
        empty = batch.column(key).null_count
        if empty:
            raise SourceError(
                f"{empty} rows of {ids.label} have NULL in the key column {key}; a NULL key "
                "never matches, so these rows would double. Mend the source or choose another `primary_key`."
            )


def _widen_range(
    batch: pa.RecordBatch, cursor: Column, low: str | None, high: str | None
) -> tuple[str | None, str | None]:
    values = batch.column(cursor.name)
    if values.null_count == len(values):
        return low, high
    ends = pc.min_max(values)
    first, last = (ends[end].cast(pa.string()).as_py() for end in ("min", "max"))
    lowest = first if low is None or later(low, first, cursor.type) == low else low
    return lowest, later(high, last, cursor.type)


def _rejected_batch(rejected: Sequence[Rejected]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "POSITION": [one.position for one in rejected],
            "REASON": [one.reason for one in rejected],
            "RECORD": [one.record for one in rejected],
        },
        schema=REJECTED_SCHEMA,
    )


def _schema_hash(columns: Sequence[Column]) -> str:
    text = json.dumps([[column.name, column.type] for column in columns])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
