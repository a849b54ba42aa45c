"""Steps 1 to 3 of a load: decide what to read, read it in one snapshot, stage it, write the manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from include.headrace.config import AnySource, Table
from include.headrace.cursors import span_of
from include.headrace.deletes import marker_column
from include.headrace.errors import SourceError
from include.headrace.keys import stage_keys
from include.headrace.ledger import Fence, Ledger, TaskRef
from include.headrace.manifest import LoadIds, Manifest
from include.headrace.names import fold
from include.headrace.readers import reader_for
from include.headrace.readers.base import Reader, Span
from include.headrace.schema import columns_of
from include.headrace.session import Session
from include.headrace.settings import is_prod
from include.headrace.stage import Window, stage_extraction, stage_location


@dataclass(frozen=True)
class Extract:
    """One extract task's work. ``folder`` is an empty working folder on the worker's disk."""

    open_session: Callable[[], Session]
    database: str
    ids: LoadIds
    source: AnySource
    table: Table
    task: TaskRef
    interval: tuple[datetime, datetime] | None
    backfill: bool
    folder: Path

    def run(self) -> Manifest:
        """Stage the rows of this run and record their manifest in the ledger.

        Raises SourceError for what a person must mend in the source or its file, PassingError
        for what a retry may mend. RAW and LOADS are not touched.
        """
        session = self.open_session()
        try:
            ledger = Ledger(session, self.database)
            ledger.prepare(self.ids)
            ledger.record_attempt(self.ids, "extract", self.task)
            reader = reader_for(self.source, self.table)
            fence = ledger.fence_of_cursor(self.ids, self.table.cursor)
            span = self._span(reader, fence)
            location = stage_location(self.database, fold(self.ids.source), self.ids.path)
            with reader.open(span) as extraction:
                marker_column(self.table, columns_of(extraction.schema))
                manifest = stage_extraction(
                    session,
                    extraction,
                    self.ids,
                    location=location,
                    folder=self.folder,
                    primary_key=self.table.primary_key,
                    cursor=self.table.cursor,
                    window=self._window(span, fence.epoch),
                )
            if self._compares_keys(manifest):
                manifest = stage_keys(
                    session, self.source, self.table, manifest, location=location, folder=self.folder
                )
            ledger.record_manifest(manifest)
            return manifest
        finally:
            session.close()

    def _compares_keys(self, manifest: Manifest) -> bool:
        """A backfill is of an interval alone, and a sample must never delete."""
        deletes = self.table.deletes
        return deletes is not None and deletes.compare_keys and not self.backfill and not manifest.sampled

    def _span(self, reader: Reader, fence: Fence) -> Span:
        if self.table.cursor is None:
            return Span()
        column_type = fence.cursor_type
        if column_type is None:
            if self.interval is None:
                return Span()
            column_type = self._cursor_type(reader)
        return span_of(
            column_type=column_type,
            watermark=fence.watermark,
            overlap=self.table.overlap,
            interval=self.interval,
            backfill=self.backfill,
        )

    def _cursor_type(self, reader: Reader) -> str:
        """The cursor's type before any load has stored it; no row is read for it."""
        with reader.open(Span()) as extraction:
            types = {column.source_name: column.type for column in columns_of(extraction.schema)}
        if self.table.cursor not in types:
            raise SourceError(
                f"Table {self.table.name!r} of {self.ids.source} has no column {self.table.cursor!r}; "
                f"it has {', '.join(types)}. Correct `cursor` in include/sources/{self.ids.source}.yml."
            )
        return types[self.table.cursor]

    def _window(self, span: Span, epoch: int) -> Window:
        start, end = self.interval or (None, None)
        prototype = (self.table.limit, self.table.sample, self.table.window)
        return Window(
            span=span,
            interval_start=_utc_text(start),
            interval_end=_utc_text(end),
            epoch=epoch,
            sampled=not is_prod() and any(value is not None for value in prototype),
        )


def _utc_text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() if moment else None
