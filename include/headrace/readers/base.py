"""The interface of a reader: one table of one source as Arrow batches, in bounded memory.

A reader knows its source and nothing of Snowflake. It suits a database with a snapshot, files, a
paged API and documents alike: the rows of one read arrive as pieces of one fixed Arrow schema,
and what a reader cannot carry faithfully it sets aside as rejected, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import pyarrow as pa

TYPE_KEY = b"headrace.type"
"""Field metadata: the Snowflake type a column must land as where Arrow's type does not say it,
such as ``VARIANT`` for JSON text."""

COMMENT_KEY = b"headrace.comment"
"""Field metadata: the source's own comment on the column."""

TARGET_BATCH_BYTES = 16 * 1024 * 1024
"""About how much one piece may hold, in bytes of Arrow memory."""


@dataclass(frozen=True)
class Span:
    """The part of a table to read, by its cursor column. Both bounds are text of the cursor's type.

    ``None`` means no bound. A timestamp is ISO 8601 with an offset (UTC) or none (zone-less).
    """

    lower: str | None = None
    lower_inclusive: bool = True
    upper: str | None = None
    """Never inclusive."""


@dataclass(frozen=True)
class Rejected:
    """One record that could not be carried: where it stood, why, and what it was (as text)."""

    position: str
    reason: str
    record: str


@dataclass(frozen=True)
class Piece:
    """A part of the rows. ``discarded`` counts rows read and left out by span, limit or sample."""

    rows: pa.RecordBatch
    rejected: tuple[Rejected, ...] = field(default=())
    discarded: int = 0


class Extraction(Protocol):
    """An open read of one table, in one snapshot where the source has snapshots."""

    @property
    def schema(self) -> pa.Schema:
        """The schema of every piece's rows. Names are the source's own, types are final."""
        ...

    def pieces(self) -> Iterator[Piece]:
        """The rows, once. Raises SourceError or PassingError; never yields part of a bad record."""
        ...


@runtime_checkable
class SplitExtraction(Extraction, Protocol):
    """An extraction whose rows several threads can read at the same time, out of one snapshot."""

    def streams(self) -> Sequence[Iterator[Piece]]:
        """The rows, once, instead of by ``pieces``: no row is in two streams, and each is read by one thread.

        Where the order of rows has a meaning, as in files, the streams follow it: all rows of one stand
        before those of the next. A stream left early, or never begun, is closed with the extraction.
        """
        ...


@runtime_checkable
class CancellableExtraction(Extraction, Protocol):
    """An extraction whose waiting for the source another thread can end."""

    def cancel(self) -> None:
        """Let reads that wait for the source fail soon. May be called more than once. Whoever calls has an
        error already, and reads no more; nothing is raised."""
        ...


def streams_of(extraction: Extraction) -> Sequence[Iterator[Piece]]:
    """The streams of an extraction: its own when it is split, else the one that it is."""
    return extraction.streams() if isinstance(extraction, SplitExtraction) else [extraction.pieces()]


class Reader(Protocol):
    """One table of one source. Made by ``readers.reader_for(source, table)``."""

    def open(self, span: Span) -> AbstractContextManager[Extraction]:
        """Connect, check that the table and its columns exist, and fix the snapshot.

        Raises SourceError for what a person must mend (no such table, column, file; wrong
        password) and PassingError for what may pass (server down, connection lost).
        """
        ...
