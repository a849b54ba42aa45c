"""Loads of rows held in memory: the load protocol on the local Snowflake, without a source server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.headrace.config import PostgresTable
from include.headrace.ledger import Ledger, TaskRef
from include.headrace.load import Load
from include.headrace.manifest import LoadIds, Manifest
from include.headrace.names import fold, quote
from include.headrace.readers.base import Extraction, Piece, Rejected, Span
from include.headrace.session import Session
from include.headrace.stage import Window, stage_extraction, stage_location

DATABASE = "RAW"
TASK = TaskRef(dag_id="ingest__shop", task_id="orders.load", run_id="manual__1", try_number=1)

ORDERS = pa.schema(
    [pa.field("id", pa.int64()), pa.field("state", pa.string()), pa.field("changed", pa.timestamp("us"))]
)

WIDER_ORDERS = ORDERS.append(pa.field("note", pa.string()))
"""The same with a column more."""


@dataclass(frozen=True)
class MemoryExtraction:
    """An extraction of given batches."""

    schema: pa.Schema
    batches: Sequence[pa.RecordBatch]
    rejected: tuple[Rejected, ...] = ()
    discarded: int = 0

    def pieces(self) -> Iterator[Piece]:
        for batch in self.batches:
            yield Piece(rows=batch)
        if self.rejected or self.discarded:
            yield Piece(
                rows=pa.RecordBatch.from_pylist([], schema=self.schema),
                rejected=self.rejected,
                discarded=self.discarded,
            )


def batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema = ORDERS) -> pa.RecordBatch:
    """Rows as one Arrow batch."""
    return pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema)


def orders_table(**fields: Any) -> PostgresTable:
    """The table of the tests: orders, merged on id by the time of change, unless told otherwise."""
    settings: dict[str, Any] = {
        "name": "orders",
        "primary_key": ("id",),
        "cursor": "changed",
        "disposition": "merge",
        **fields,
    }
    return PostgresTable(**{name: value for name, value in settings.items() if value is not None})


@dataclass
class Shop:
    """One source of its own in RAW, so that tests do not meet: stages and loads orders."""

    open_session: Callable[[], Session]
    folder: Path
    source: str = field(default_factory=lambda: "shop_" + uuid.uuid4().hex[:8])

    def stage(
        self,
        extraction: Extraction,
        table: PostgresTable,
        *,
        load_id: str | None = None,
        window: Window | None = None,
    ) -> LoadIds:
        """Stage an extraction as the extract task does; the ids of the attempt."""
        ids = LoadIds(self.source, table.name, load_id or uuid.uuid4().hex, uuid.uuid4().hex)
        session = self.open_session()
        try:
            ledger = Ledger(session, DATABASE)
            ledger.prepare(ids)
            ledger.record_attempt(ids, "extract", TASK)
            manifest = stage_extraction(
                session,
                extraction,
                ids,
                location=stage_location(DATABASE, fold(ids.source), ids.path),
                folder=self.folder,
                primary_key=table.primary_key,
                cursor=table.cursor,
                window=replace(window or Window(Span()), epoch=ledger.fence(ids).epoch),
            )
            ledger.record_manifest(manifest)
        finally:
            session.close()
        return ids

    def load(self, ids: LoadIds, table: PostgresTable) -> dict[str, Any]:
        """Run the load task's work on what was staged."""
        return self.loader(ids, table).run()

    def loader(self, ids: LoadIds, table: PostgresTable) -> Load:
        """The load task's work, not yet run."""
        return Load(self.open_session, DATABASE, ids, table, TASK)

    def stage_and_load(
        self,
        rows: Sequence[Mapping[str, Any]],
        table: PostgresTable | None = None,
        *,
        schema: pa.Schema = ORDERS,
        load_id: str | None = None,
        window: Window | None = None,
    ) -> dict[str, Any]:
        """Stage rows and load them; the row of LOADS."""
        table = table or orders_table()
        batches = [batch(rows, schema)] if rows else []
        ids = self.stage(MemoryExtraction(schema, batches), table, load_id=load_id, window=window)
        return self.load(ids, table)

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one statement in a session of its own."""
        session = self.open_session()
        try:
            return session.query(statement, values)
        finally:
            session.close()

    def table(self, name: str = "ORDERS") -> str:
        """The quoted name of a table of this source in RAW."""
        return quote(DATABASE, fold(self.source), name)

    def rows(self, columns: str = '"ID", "STATE"', name: str = "ORDERS") -> list[tuple[Any, ...]]:
        """The table's rows, sorted."""
        found = self.query(f"SELECT {columns} FROM {self.table(name)}")
        return sorted((tuple(row.values()) for row in found), key=repr)

    def watermark(self, table: str = "ORDERS") -> str | None:
        """The watermark in the fence of a table."""
        fence = quote(DATABASE, "HEADRACE", f"FENCE__{fold(self.source)}__{table}")
        [row] = self.query(f"SELECT * FROM {fence}")
        return None if row["watermark"] is None else str(row["watermark"])

    def loads(self) -> list[dict[str, Any]]:
        """The rows of LOADS of this source, in order of commit."""
        return self.query(
            'SELECT * FROM "RAW"."HEADRACE"."LOADS" WHERE "SOURCE" = ? ORDER BY "COMMITTED_AT"', [self.source]
        )

    def attempts(self, step: str) -> list[dict[str, Any]]:
        """The rows of ATTEMPTS of this source and step."""
        return self.query(
            'SELECT * FROM "RAW"."HEADRACE"."ATTEMPTS" WHERE "SOURCE" = ? AND "STEP" = ?', [self.source, step]
        )

    def manifest(self, ids: LoadIds) -> Manifest:
        """The manifest of a staged attempt."""
        session = self.open_session()
        try:
            return Ledger(session, DATABASE).manifest(ids)
        finally:
            session.close()
