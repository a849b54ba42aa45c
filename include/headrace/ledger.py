"""The ledger in ``RAW.HEADRACE``: loads, attempts, manifests, files, and a fence a table.

LOADS has a row a committed load, written by the transaction that applied it and by nothing else.
ATTEMPTS, MANIFESTS and FILES are only ever inserted into. A fence is a table of one row, so that
loads of different tables do not queue behind one another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from include.headrace.errors import CountError, PermanentError
from include.headrace.manifest import LoadIds, Manifest, StagedFile, now
from include.headrace.names import fold, quote
from include.headrace.schema import Column
from include.headrace.session import Session
from include.headrace.settings import LEDGER_SCHEMA
from include.headrace.stage import STAGE_NAME

VALUES_PER_QUERY = 500
"""Values that one statement binds in an IN list."""

LEDGER_TABLES: dict[str, dict[str, str]] = {
    "LOADS": {
        "LOAD_ID": "VARCHAR NOT NULL",
        "ATTEMPT_ID": "VARCHAR NOT NULL",
        "SOURCE": "VARCHAR NOT NULL",
        "TABLE_NAME": "VARCHAR NOT NULL",
        "INTERVAL_START": "TIMESTAMP_NTZ",
        "INTERVAL_END": "TIMESTAMP_NTZ",
        "DISPOSITION": "VARCHAR NOT NULL",
        "ROWS_EXTRACTED": "NUMBER(19,0) NOT NULL",
        "ROWS_QUARANTINED": "NUMBER(19,0) NOT NULL",
        "ROWS_DISCARDED": "NUMBER(19,0) NOT NULL",
        "ROWS_STAGED": "NUMBER(19,0) NOT NULL",
        "ROWS_LOADED": "NUMBER(19,0) NOT NULL",
        "ROWS_INSERTED": "NUMBER(19,0) NOT NULL",
        "ROWS_UPDATED": "NUMBER(19,0) NOT NULL",
        "ROWS_DELETED": "NUMBER(19,0) NOT NULL",
        "CURSOR_MIN": "VARCHAR",
        "CURSOR_MAX": "VARCHAR",
        "SCHEMA_HASH": "VARCHAR NOT NULL",
        "SAMPLED": "BOOLEAN NOT NULL",
        "EPOCH": "NUMBER(19,0)",
        "COLUMNS_DISCARDED": "NUMBER(10,0)",
        "VALUES_DISCARDED": "NUMBER(19,0)",
        "DAG_ID": "VARCHAR",
        "TASK_ID": "VARCHAR",
        "RUN_ID": "VARCHAR",
        "STARTED_AT": "TIMESTAMP_NTZ NOT NULL",
        "COMMITTED_AT": "TIMESTAMP_NTZ NOT NULL",
    },
    "ATTEMPTS": {
        "ATTEMPT_ID": "VARCHAR NOT NULL",
        "LOAD_ID": "VARCHAR NOT NULL",
        "SOURCE": "VARCHAR NOT NULL",
        "TABLE_NAME": "VARCHAR NOT NULL",
        "STEP": "VARCHAR NOT NULL",
        "DAG_ID": "VARCHAR",
        "TASK_ID": "VARCHAR",
        "RUN_ID": "VARCHAR",
        "TRY_NUMBER": "NUMBER(10,0)",
        "STARTED_AT": "TIMESTAMP_NTZ NOT NULL",
    },
    "MANIFESTS": {
        "ATTEMPT_ID": "VARCHAR NOT NULL",
        "LOAD_ID": "VARCHAR NOT NULL",
        "SOURCE": "VARCHAR NOT NULL",
        "TABLE_NAME": "VARCHAR NOT NULL",
        "FILES": "NUMBER(10,0) NOT NULL",
        "HEADER": "VARCHAR NOT NULL",
        "STAGED_AT": "TIMESTAMP_NTZ NOT NULL",
    },
    "FILES": {
        "ATTEMPT_ID": "VARCHAR NOT NULL",
        "LOAD_ID": "VARCHAR NOT NULL",
        "NAME": "VARCHAR NOT NULL",
        "KIND": "VARCHAR NOT NULL",
        "ROW_COUNT": "NUMBER(19,0) NOT NULL",
        "BYTES": "NUMBER(19,0) NOT NULL",
        "SHA256": "VARCHAR NOT NULL",
        "NON_NULL": "VARCHAR NOT NULL",
        "STAGED_AT": "TIMESTAMP_NTZ NOT NULL",
    },
}


@dataclass(frozen=True)
class TaskRef:
    """Which Airflow task is running, for the ledger and the query tag."""

    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None
    try_number: int | None = None


@dataclass(frozen=True)
class Fence:
    """The state of one table's fence: the epoch that the next apply must swap, and the watermark."""

    epoch: int
    watermark: str | None
    cursor_name: str | None
    cursor_type: str | None


class Ledger:
    """Reads and writes the ledger of one RAW database through one session."""

    def __init__(self, session: Session, database: str) -> None:
        self.session = session
        self.database = database

    def table(self, name: str) -> str:
        """A ledger table's quoted name."""
        return quote(self.database, LEDGER_SCHEMA, name)

    def fence_table(self, ids: LoadIds) -> str:
        """The quoted name of a table's fence."""
        return self.table(f"FENCE__{fold(ids.source)}__{fold(ids.table)}")

    def prepare(self, ids: LoadIds) -> None:
        """Make what is missing: database, schemas, the source's stage, ledger tables, the fence."""
        run = self.session.execute
        # CREATE ... IF NOT EXISTS wants the grant to create even where nothing is missing.
        present = self._schemas()
        for schema in (LEDGER_SCHEMA, fold(ids.source)):
            if schema not in present:
                run(f"CREATE SCHEMA IF NOT EXISTS {quote(self.database, schema)}")
        run(f"CREATE STAGE IF NOT EXISTS {quote(self.database, fold(ids.source), STAGE_NAME)}")
        for name, columns in LEDGER_TABLES.items():
            body = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
            run(f"CREATE TABLE IF NOT EXISTS {self.table(name)} ({body})")
        self._add_missing_columns()
        # One statement makes the fence with its one row, so that two firsts cannot make two rows.
        run(
            f"CREATE TABLE IF NOT EXISTS {self.fence_table(ids)} AS "
            'SELECT 0::NUMBER(19,0) AS "EPOCH", NULL::VARCHAR AS "WATERMARK", '
            'NULL::VARCHAR AS "CURSOR_NAME", NULL::VARCHAR AS "CURSOR_TYPE"'
        )

    def _add_missing_columns(self) -> None:
        """Give LOADS the columns that came after it was made. They are NULL in older rows."""
        loads = self.table("LOADS")
        present = {row["name"] for row in self.session.query(f"DESCRIBE TABLE {loads}")}
        for column, kind in LEDGER_TABLES["LOADS"].items():
            if column not in present:
                self.session.execute(f"ALTER TABLE {loads} ADD COLUMN IF NOT EXISTS {quote(column)} {kind}")

    def _schemas(self) -> set[str]:
        """The schemas of the database, which is made when it is missing."""
        shown = f"SHOW SCHEMAS IN DATABASE {quote(self.database)}"
        try:
            return {row["name"] for row in self.session.query(shown)}
        except PermanentError:
            self.session.execute(f"CREATE DATABASE IF NOT EXISTS {quote(self.database)}")
            return {row["name"] for row in self.session.query(shown)}

    def committed(self, load_id: str) -> dict[str, Any] | None:
        """The row of a committed load, or None."""
        rows = self.session.query(f'SELECT * FROM {self.table("LOADS")} WHERE "LOAD_ID" = ?', [load_id])
        if len(rows) > 1:
            raise CountError(
                f"LOADS has {len(rows)} rows for load {load_id}; look at them before running again."
            )
        return rows[0] if rows else None

    def exists(self) -> bool:
        """True when the ledger was made; before the first load of all it was not."""
        schemas = self.session.query(f"SHOW SCHEMAS LIKE '{LEDGER_SCHEMA}' IN ACCOUNT")
        if self.database not in {row["database_name"] for row in schemas}:
            return False
        shown = self.session.query(f"SHOW TABLES IN SCHEMA {quote(self.database, LEDGER_SCHEMA)}")
        return set(LEDGER_TABLES) <= {row["name"] for row in shown}

    def committed_among(self, load_ids: Iterable[str]) -> set[str]:
        """Those of the loads that are committed."""
        found = self._looked_up("LOADS", "LOAD_ID", "LOAD_ID", load_ids)
        return set(found)

    def loads_of_attempts(self, attempt_ids: Iterable[str]) -> dict[str, str]:
        """Attempts, of either step, with the id of their load. One that is not in ATTEMPTS is left out."""
        return self._looked_up("ATTEMPTS", "ATTEMPT_ID", "LOAD_ID", attempt_ids)

    def _looked_up(self, table: str, by: str, wanted: str, values: Iterable[str]) -> dict[str, str]:
        ordered = sorted(values)
        found: dict[str, str] = {}
        for start in range(0, len(ordered), VALUES_PER_QUERY):
            part = ordered[start : start + VALUES_PER_QUERY]
            rows = self.session.query(
                f'SELECT {quote(by)} AS "KEY", {quote(wanted)} AS "VALUE" FROM {self.table(table)} '
                f"WHERE {quote(by)} IN ({', '.join('?' for _ in part)})",
                part,
            )
            found |= {row["key"]: row["value"] for row in rows}
        return found

    def record_attempt(self, ids: LoadIds, step: str, task: TaskRef) -> None:
        """Insert the row of this try. ``step`` is ``extract`` or ``load``."""
        self._insert(
            "ATTEMPTS",
            [
                [
                    ids.attempt_id,
                    ids.load_id,
                    ids.source,
                    ids.table,
                    step,
                    task.dag_id,
                    task.task_id,
                    task.run_id,
                    task.try_number,
                    now().isoformat(),
                ]
            ],
        )

    def record_manifest(self, manifest: Manifest) -> None:
        """Insert the files, then the manifest: a manifest that is there is whole."""
        ids, at = manifest.ids, now().isoformat()
        self._insert(
            "FILES",
            [
                [
                    ids.attempt_id,
                    ids.load_id,
                    file.name,
                    file.kind,
                    file.rows,
                    file.bytes,
                    file.sha256,
                    json.dumps(dict(file.non_null)),
                    at,
                ]
                for file in manifest.files
            ],
        )
        self._insert(
            "MANIFESTS",
            [
                [
                    ids.attempt_id,
                    ids.load_id,
                    ids.source,
                    ids.table,
                    len(manifest.files),
                    manifest.header_json(),
                    at,
                ]
            ],
        )

    def manifest(self, ids: LoadIds) -> Manifest:
        """The manifest of one extract try. Raises CountError when it is missing or not whole."""
        heads = self.session.query(
            f'SELECT "HEADER", "FILES" FROM {self.table("MANIFESTS")} WHERE "ATTEMPT_ID" = ?',
            [ids.attempt_id],
        )
        files = self.session.query(
            f'SELECT "NAME", "KIND", "ROW_COUNT", "BYTES", "SHA256", "NON_NULL" FROM {self.table("FILES")} '
            'WHERE "ATTEMPT_ID" = ? ORDER BY "NAME"',
            [ids.attempt_id],
        )
        if len(heads) != 1 or int(heads[0]["files"]) != len(files):
            raise CountError(
                f"The ledger has {len(heads)} manifests and {len(files)} files for the attempt "
                f"{ids.attempt_id} of {ids.label}; clear the extract task to stage it again."
            )
        staged = tuple(
            StagedFile(
                name=row["name"],
                kind=row["kind"],
                rows=int(row["row_count"]),
                bytes=int(row["bytes"]),
                sha256=row["sha256"],
                non_null=json.loads(row["non_null"]),
            )
            for row in files
        )
        return Manifest.read(ids, heads[0]["header"], staged)

    def fence(self, ids: LoadIds) -> Fence:
        """The fence as it is now. Raises CountError unless it has exactly one row."""
        rows = self.session.query(f"SELECT * FROM {self.fence_table(ids)}")
        if len(rows) != 1:
            raise CountError(
                f"The fence {self.fence_table(ids)} has {len(rows)} rows, it must have one; restore it."
            )
        row = rows[0]
        return Fence(
            epoch=int(row["epoch"]),
            watermark=row["watermark"],
            cursor_name=row["cursor_name"],
            cursor_type=row["cursor_type"],
        )

    def fence_of_cursor(self, ids: LoadIds, cursor: str | None) -> Fence:
        """The fence, without the watermark of another cursor: its values say nothing of this one."""
        fence = self.fence(ids)
        if fence.cursor_name == cursor:
            return fence
        return Fence(epoch=fence.epoch, watermark=None, cursor_name=None, cursor_type=None)

    def loads_since(self, ids: LoadIds, epoch: int) -> tuple[str, list[Any]]:
        """A query of the table's loads that committed after its fence stood at ``epoch``; its values."""
        query = (
            f'SELECT "LOAD_ID" FROM {self.table("LOADS")} '
            'WHERE "SOURCE" = ? AND "TABLE_NAME" = ? AND "EPOCH" > ?'
        )
        return query, [ids.source, ids.table, epoch]

    def last_was_sampled(self, ids: LoadIds) -> bool:
        """True when the table's last load was a sample, which says nothing of the table's size."""
        rows = self.session.query(
            f'SELECT "SAMPLED" FROM {self.table("LOADS")} WHERE "SOURCE" = ? AND "TABLE_NAME" = ? '
            'ORDER BY "EPOCH" DESC NULLS LAST, "COMMITTED_AT" DESC LIMIT 1',
            [ids.source, ids.table],
        )
        return bool(rows and rows[0]["sampled"])

    def swap_fence(self, ids: LoadIds, epoch: int) -> bool:
        """Move the fence on from ``epoch``; False when another load moved it first."""
        changed = self.session.execute(
            f'UPDATE {self.fence_table(ids)} SET "EPOCH" = "EPOCH" + 1 WHERE "EPOCH" = ?', [epoch]
        )
        return changed == 1

    def set_watermark(self, ids: LoadIds, watermark: str, cursor: Column) -> None:
        """Store the watermark and whose it is; only in the transaction that swapped the fence."""
        self.session.execute(
            f'UPDATE {self.fence_table(ids)} SET "WATERMARK" = ?, "CURSOR_NAME" = ?, "CURSOR_TYPE" = ?',
            [watermark, cursor.source_name, cursor.type],
        )

    def insert_load(self, values: dict[str, Any]) -> None:
        """Insert the row of a load, in the transaction that applies it."""
        self._insert("LOADS", [[values[name.lower()] for name in LEDGER_TABLES["LOADS"]]])

    def _insert(self, table: str, rows: list[list[Any]]) -> None:
        columns = ", ".join(quote(column) for column in LEDGER_TABLES[table])
        marks = ", ".join("?" for _ in LEDGER_TABLES[table])
        self.session.insert(f"INSERT INTO {self.table(table)} ({columns}) VALUES ({marks})", rows)
