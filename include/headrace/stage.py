"""An extraction to the stage: its files put there, each checked and counted, and their manifest."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.cursors import later
from include.headrace.errors import CountError, SourceError
from include.headrace.manifest import LoadIds, Manifest, StagedFile, now
from include.headrace.names import quote
from include.headrace.parts import write_parts
from include.headrace.readers.base import Extraction, Span
from include.headrace.schema import Column, columns_of
from include.headrace.session import Session

STAGE_NAME = "LANDING"
UPLOAD_THREADS = 4


@dataclass(frozen=True)
class Window:
    """What of the run the manifest keeps: the span read, and the run's data interval as text."""

    span: Span
    interval_start: str | None = None
    interval_end: str | None = None
    sampled: bool = False
    epoch: int | None = None
    """The fence's epoch before the read began."""


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

    Reading, writing and putting go on at the same time, and only the caller's thread uses the session.
    A few files are on disk at a time. Column names in the files are folded.
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
    watched = _Watched(ids, keys, cursor_column)
    written = write_parts(
        extraction,
        folder,
        names=[column.name for column in columns],
        path=ids.path,
        on_batch=watched.look_at,
        on_file=lambda path, staged: put_file(session, path, staged, location=location),
    )
    return Manifest(
        ids=ids,
        columns=tuple(columns),
        files=written.files,
        rows_extracted=written.extracted,
        rows_quarantined=written.quarantined,
        rows_discarded=written.discarded,
        span_lower=window.span.lower,
        span_lower_inclusive=window.span.lower_inclusive,
        span_upper=window.span.upper,
        cursor_min=watched.low,
        cursor_max=watched.high,
        schema_hash=_schema_hash(columns),
        sampled=window.sampled,
        interval_start=window.interval_start,
        interval_end=window.interval_end,
        started_at=started_at,
        epoch=window.epoch,
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


class _Watched:
    """What is watched for in every batch: keys that are NULL, and the cursor's range.

    Batches of several streams come at the same time.
    """

    def __init__(self, ids: LoadIds, keys: Sequence[str], cursor: Column | None) -> None:
        self._ids = ids
        self._keys = keys
        self._cursor = cursor
        self._lock = threading.Lock()
        self.low: str | None = None
        self.high: str | None = None

    def look_at(self, batch: pa.RecordBatch) -> None:
        """Widen the range by a batch. Raises SourceError for a NULL key."""
        for key in self._keys:
            empty = batch.column(key).null_count
            if empty:
                raise SourceError(
                    f"{empty} rows of {self._ids.label} have NULL in the key column {key}; a NULL key never "
                    "matches, so these rows would double. Mend the source or choose another `primary_key`."
                )
        if self._cursor is None:
            return
        values = batch.column(self._cursor.name)
        if values.null_count == len(values):
            return
        ends = pc.min_max(values)
        first, last = (ends[end].cast(pa.string()).as_py() for end in ("min", "max"))
        kind = self._cursor.type
        with self._lock:
            if self.low is None or later(self.low, first, kind) == self.low:
                self.low = first
            self.high = later(self.high, last, kind)


def _schema_hash(columns: Sequence[Column]) -> str:
    text = json.dumps([[column.name, column.type] for column in columns])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
