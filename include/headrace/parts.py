"""An extraction to Parquet files in a folder: read, written and handed over at the same time.

Each stream of the extraction has a thread that reads and converts and one that encodes and writes. The
caller's own thread hands over each finished file meanwhile. Nothing here knows where the files go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from include.headrace.crew import Channel, Crew
from include.headrace.manifest import FileKind, StagedFile
from include.headrace.part_writer import PartWriter
from include.headrace.readers.base import (
    TARGET_BATCH_BYTES,
    CancellableExtraction,
    Extraction,
    Piece,
    Rejected,
    streams_of,
)

REJECTED_SCHEMA = pa.schema([("POSITION", pa.string()), ("REASON", pa.string()), ("RECORD", pa.string())])
"""The columns of a file of rows set aside."""

REJECTED_FLUSH_ROWS = 10_000

FINISHED_FILES = 2
"""How many finished files may wait to be handed over. With them, one that is being handed over and the
open ones of each stream are on disk."""

OnFile = Callable[[Path, StagedFile], None]
OnBatch = Callable[[pa.RecordBatch], None]


@dataclass(frozen=True)
class Written:
    """What was written: the files, those of a kind in the order of their rows, and the rows counted."""

    files: tuple[StagedFile, ...]
    extracted: int
    quarantined: int
    discarded: int


def write_parts(
    extraction: Extraction,
    folder: Path,
    *,
    on_file: OnFile,
    on_batch: OnBatch | None = None,
    names: Sequence[str] | None = None,
    kind: FileKind = "rows",
    path: str = "",
) -> Written:
    """Write all rows of an open extraction to Parquet files in ``folder``, and count them.

    ``on_file`` takes each finished file with its counts and hash, in the caller's thread, and may move or
    remove it; what it leaves stays in the folder. ``on_batch`` sees each batch before it is written, in
    several threads at once when there are several streams. ``names`` are the columns' names in the files,
    else the source's; ``kind`` is what the files of rows are, ``path`` where they will be in the stage.
    The first error of any of these or of the extraction ends the others, leaves no thread and no file that
    was not handed over, and is raised as it is.
    """
    schema = extraction.schema
    if names is not None:
        schema = pa.schema([pa.field(name, f.type) for name, f in zip(names, schema, strict=True)])
    streams = streams_of(extraction)
    crew = Crew()
    finished: Channel[tuple[Path, StagedFile]] = Channel(crew, FINISHED_FILES, producers=len(streams))
    output = _Output(schema, folder, kind, path, on_batch, finished)
    counts = [_Counts() for _ in streams]
    files: list[StagedFile] = []

    def lead() -> None:
        for number, stream in enumerate(streams):
            pieces: Channel[Piece] = Channel(crew, TARGET_BATCH_BYTES, size_of=_size)
            crew.start(partial(_read, stream, pieces), f"headrace-read-{number}")
            crew.start(partial(_write, number, pieces, output, counts[number]), f"headrace-write-{number}")
        for finished_file, staged in output.finished:
            on_file(finished_file, staged)
            output.unclaimed.discard(finished_file)
            files.append(staged)

    def release() -> None:
        if isinstance(extraction, CancellableExtraction):
            extraction.cancel()

    try:
        crew.finish(lead, release)
    except BaseException:
        for left in output.unclaimed:
            left.unlink(missing_ok=True)
        raise
    return Written(
        files=tuple(sorted(files, key=lambda file: (file.kind, file.name))),
        extracted=sum(one.extracted for one in counts),
        quarantined=sum(one.quarantined for one in counts),
        discarded=sum(one.discarded for one in counts),
    )


@dataclass
class _Counts:
    extracted: int = 0
    quarantined: int = 0
    discarded: int = 0

    def add(self, piece: Piece) -> None:
        self.extracted += piece.rows.num_rows + len(piece.rejected) + piece.discarded
        self.quarantined += len(piece.rejected)
        self.discarded += piece.discarded


@dataclass
class _Output:
    """Where all streams write. ``unclaimed`` are the finished files that nobody has taken over yet."""

    schema: pa.Schema
    folder: Path
    kind: FileKind
    path: str
    on_batch: OnBatch | None
    finished: Channel[tuple[Path, StagedFile]]
    unclaimed: set[Path] = field(default_factory=set)

    def hand_over(self, writer: PartWriter) -> None:
        """Finish the writer's open file, if it has one."""
        done = writer.finish()
        if done is not None:
            self.unclaimed.add(done[0])
            self.finished.put(done)


def _read(stream: Iterator[Piece], pieces: Channel[Piece]) -> None:
    try:
        for piece in stream:
            pieces.put(piece)
            # The next piece is made while this one is written: it must not be held here as well.
            del piece
    finally:
        if isinstance(stream, Generator):
            stream.close()
    pieces.end()


def _write(number: int, pieces: Channel[Piece], output: _Output, counts: _Counts) -> None:
    rows = PartWriter(output.folder, output.kind, output.schema, number, output.path)
    aside = PartWriter(output.folder, "quarantine", REJECTED_SCHEMA, number, output.path)
    waiting: list[Rejected] = []
    try:
        for piece in pieces:
            counts.add(piece)
            batch = pa.RecordBatch.from_arrays(piece.rows.columns, schema=output.schema)
            waiting += piece.rejected
            del piece
            if batch.num_rows:
                if output.on_batch is not None:
                    output.on_batch(batch)
                if rows.write(batch):
                    output.hand_over(rows)
            del batch
            while len(waiting) >= REJECTED_FLUSH_ROWS:
                if aside.write(_rejected_batch(waiting[:REJECTED_FLUSH_ROWS])):
                    output.hand_over(aside)
                del waiting[:REJECTED_FLUSH_ROWS]
        if waiting:
            aside.write(_rejected_batch(waiting))
        output.hand_over(rows)
        output.hand_over(aside)
    finally:
        rows.abandon()
        aside.abandon()
    output.finished.end()


def _size(piece: Piece) -> int:
    return int(piece.rows.nbytes)


def _rejected_batch(rejected: Sequence[Rejected]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "POSITION": [one.position for one in rejected],
            "REASON": [one.reason for one in rejected],
            "RECORD": [one.record for one in rejected],
        },
        schema=REJECTED_SCHEMA,
    )
