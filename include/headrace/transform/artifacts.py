"""What the nodes of a run did, as rows: each task leaves one, and the run's last task loads them to RAW.DBT.

Workers share no disk, so a task leaves its row as an XCom. The loader is that of the sources.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from include.headrace.config.models import Table
from include.headrace.ledger import Ledger, TaskRef
from include.headrace.load import Load
from include.headrace.manifest import LoadIds
from include.headrace.names import fold
from include.headrace.readers.base import Piece, Span
from include.headrace.stage import Window, stage_extraction, stage_location
from include.headrace.transform import ARTIFACTS

if TYPE_CHECKING:
    from include.headrace.session import Session

NODES = Table(
    name="nodes",
    primary_key=("dag_id", "run_id", "task_id", "map_index", "try_number"),
    disposition="merge",
)
"""One row a try of a task that ran dbt. A run that is gathered again brings nothing twice."""

SCHEMA = pa.schema(
    [
        pa.field("dag_id", pa.string()),
        pa.field("run_id", pa.string()),
        pa.field("run_type", pa.string()),
        pa.field("task_id", pa.string()),
        pa.field("map_index", pa.int32()),
        pa.field("try_number", pa.int32()),
        pa.field("unique_id", pa.string()),
        pa.field("name", pa.string()),
        pa.field("resource_type", pa.string()),
        pa.field("status", pa.string()),
        pa.field("message", pa.string()),
        pa.field("failures", pa.int64()),
        pa.field("row_count", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("seconds", pa.float64()),
        pa.field("started_at", pa.timestamp("us")),
        pa.field("compiled_at", pa.timestamp("us")),
        pa.field("ended_at", pa.timestamp("us")),
        pa.field("query_id", pa.string()),
        pa.field("invocation_id", pa.string()),
        pa.field("thread", pa.string()),
    ]
)


@dataclass(frozen=True)
class Rows:
    """An extraction of rows that are in memory."""

    batch: pa.RecordBatch

    @property
    def schema(self) -> pa.Schema:
        """The schema of the rows."""
        return self.batch.schema

    def pieces(self) -> Iterator[Piece]:
        """All rows, at once."""
        yield Piece(rows=self.batch)


def rows_of(left: Sequence[Mapping[str, Any]], run: Mapping[str, str]) -> Rows:
    """The rows of a run: what its tasks left, each with the run's ``dag_id``, ``run_id`` and ``run_type``."""
    rows = [{**run, **row} for row in left]
    times = [field.name for field in SCHEMA if pa.types.is_timestamp(field.type)]
    for row in rows:
        for name in times:
            row[name] = _moment(row.get(name))
    return Rows(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))


def load_rows(
    open_session: Callable[[], Session], database: str, rows: Rows, task: TaskRef, folder: Path
) -> dict[str, Any]:
    """Stage the rows of a run and merge them into ``RAW.DBT.NODES``; the load's row of LOADS.

    ``folder`` is an empty working folder. Raises PassingError for what a retry may mend, PermanentError for
    what a person must mend.
    """
    ids = LoadIds(ARTIFACTS, NODES.name, uuid.uuid4().hex, uuid.uuid4().hex)
    session = open_session()
    try:
        ledger = Ledger(session, database)
        ledger.prepare(ids)
        ledger.record_attempt(ids, "extract", task)
        manifest = stage_extraction(
            session,
            rows,
            ids,
            location=stage_location(database, fold(ARTIFACTS), ids.path),
            folder=folder,
            primary_key=NODES.primary_key,
            cursor=None,
            window=Window(Span(), epoch=ledger.fence(ids).epoch),
        )
        ledger.record_manifest(manifest)
    finally:
        session.close()
    return Load(open_session, database, ids, NODES, task).run()


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) if text else None
