"""The part of step 6 that changes a table in RAW: append, merge, replace, and rows set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.headrace.config import Table
from include.headrace.copying import FILE_COLUMN, ROW_COLUMN, AttemptTables
from include.headrace.deletes import Deleting, marker_column
from include.headrace.errors import CountError
from include.headrace.ledger import Ledger
from include.headrace.manifest import Manifest
from include.headrace.names import fold, quote
from include.headrace.plausibility import check_shrink
from include.headrace.schema import Column
from include.headrace.session import Session


@dataclass(frozen=True)
class Counts:
    """What an apply did, in rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Apply:
    """One apply of one attempt's tables to a table in RAW. Runs inside the caller's transaction."""

    session: Session
    ledger: Ledger
    manifest: Manifest
    table: Table
    target: str
    quarantine: str
    attempt: AttemptTables
    columns: tuple[Column, ...]
    watermark: str | None
    loaded_at: datetime
    allow_shrink: bool = False

    def run(self) -> Counts:
        """Apply rows and rows set aside. Raises CountError when the counts cannot be right."""
        counts = {"append": self._append, "merge": self._merge, "replace": self._replace}[
            self.table.disposition
        ]()
        self._apply_quarantine()
        return counts

    @property
    def _keys(self) -> list[str]:
        return [fold(name) for name in self.table.primary_key]

    @property
    def _cursor(self) -> Column | None:
        name = self.table.cursor
        return next((c for c in self.manifest.columns if c.source_name == name), None) if name else None

    @property
    def _stamp(self) -> list[str]:
        return [self.manifest.ids.load_id, self.loaded_at.isoformat()]

    def _names(self, prefix: str = "") -> str:
        return ", ".join(prefix + quote(column.name) for column in self.columns)

    def _insert(self, rows: str, values: Sequence[str] = ()) -> int:
        return self.session.execute(
            f'INSERT INTO {self.target} ({self._names()}, "_LOAD_ID", "_LOADED_AT") '
            f"SELECT {self._names('s.')}, ?, CAST(? AS TIMESTAMP_NTZ) FROM {rows}",
            [*self._stamp, *values],
        )

    def _latest(self) -> str:
        """The attempt's rows, one a key: the latest by cursor, then by where they stood."""
        if not self._keys:
            return self.attempt.rows
        order = [f"{quote(FILE_COLUMN)} DESC", f"{quote(ROW_COLUMN)} DESC"]
        if self._cursor is not None:
            order.insert(0, f"{quote(self._cursor.name)} DESC NULLS LAST")
        keys = ", ".join(quote(key) for key in self._keys)
        return (
            f"(SELECT * FROM {self.attempt.rows} "
            f"QUALIFY ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {', '.join(order)}) = 1)"
        )

    def _same_key(self) -> str:
        return " AND ".join(f"t.{quote(key)} = s.{quote(key)}" for key in self._keys)

    def _refuse_when_overtaken(self, within: str | None = None, values: Sequence[str] = ()) -> None:
        """Refuse to take away what another load brought after these rows were read.

        ``within`` narrows the rows that would go; without it, any other load is one too many. A load that
        has waited long, or that was cleared without its extract, would otherwise put an older state of
        the source in place of a newer one.
        """
        if self.manifest.epoch is None:
            return
        ids = self.manifest.ids
        since, bound = self.ledger.loads_since(ids, self.manifest.epoch)
        if within is None:
            found = self._count(f"SELECT COUNT(*) AS n FROM ({since})", bound)
            newer = f"{found} other loads of the table"
        else:
            found = self._count(
                f'SELECT COUNT(*) AS n FROM {self.target} WHERE "_LOAD_ID" IN ({since}) AND {within}',
                [*bound, *values],
            )
            newer = f"{found} rows that other loads brought since"
        if found:
            raise CountError(
                f"Load {ids.load_id} of {ids.label} was read before {newer}, and would take them away; "
                "nothing was applied. Clear the extract task to read the source again."
            )

    def _replace(self) -> Counts:
        self._refuse_when_overtaken()
        after = self._staged_keys() if self._keys else self.manifest.rows_staged
        self._check_shrink(self._count(f"SELECT COUNT(*) AS n FROM {self.target}"), after)
        # DELETE, not TRUNCATE or a swap: a swap is DDL and would commit, TRUNCATE forgets what
        # the COPY's history knows.
        deleted = self.session.execute(f"DELETE FROM {self.target}")
        inserted = self._insert(f"{self._latest()} AS s")
        self._expect(inserted, after)
        return Counts(inserted=inserted, deleted=deleted)

    def _check_shrink(self, before: int, after: int) -> None:
        """A sample, and the whole that takes a sample's place, say nothing of the table's size."""
        if self.allow_shrink or self.manifest.sampled or self.ledger.last_was_sampled(self.manifest.ids):
            return
        check_shrink(self.manifest.ids, self.table, before, after)

    def _append(self) -> Counts:
        if self.manifest.span_upper is not None:
            deleted = self._delete_span()
            inserted = self._insert(f"{self._latest()} AS s")
            self._expect(inserted, self._staged_keys() if self._keys else self.manifest.rows_staged)
            return Counts(inserted=inserted, deleted=deleted)
        if self._keys:
            inserted = self._insert(
                f"{self._latest()} AS s "
                f"WHERE NOT EXISTS (SELECT 1 FROM {self.target} AS t WHERE {self._same_key()})"
            )
            self._expect(self._keys_missing(), 0)
            return Counts(inserted=inserted)
        return self._append_beyond_watermark()

    def _append_beyond_watermark(self) -> Counts:
        """Everything beyond the watermark was read again, so it takes the place of what is there.

        What is there came from backfills and samples, which do not move the watermark. Another load
        may have moved it since these rows were read: what it brought stays.
        """
        cursor, beyond = self._cursor, "TRUE"
        values: list[str] = []
        if cursor is not None and self.watermark is not None:
            beyond, values = f"{quote(cursor.name)} > CAST(? AS {cursor.type})", [self.watermark]
        self._refuse_when_overtaken(beyond, values)
        deleted = self.session.execute(f"DELETE FROM {self.target} WHERE {beyond}", values)
        inserted = self._insert(f"{self.attempt.rows} AS s WHERE {beyond}", values)
        return Counts(inserted=inserted, deleted=deleted)

    def _merge(self) -> Counts:
        deletes = self.table.deletes
        if deletes is not None and deletes.compare_keys:
            # Rows read before another load compared its keys may be gone since, and rows that it brought
            # are not among the keys of this one.
            self._refuse_when_overtaken()
        others = [column for column in self.columns if column.name not in self._keys]
        changed = " OR ".join(f"t.{quote(c.name)} IS DISTINCT FROM s.{quote(c.name)}" for c in others)
        update = ""
        if others:
            condition = f"({changed})"
            if self._cursor is not None:
                name = quote(self._cursor.name)
                # An older row of the source never overwrites a newer one in RAW.
                condition += f" AND (t.{name} IS NULL OR s.{name} >= t.{name})"
            sets = ", ".join(f"{quote(c.name)} = s.{quote(c.name)}" for c in others)
            update = (
                f"WHEN MATCHED AND {condition} THEN UPDATE SET {sets}, "
                '"_LOAD_ID" = s."_LOAD_ID", "_LOADED_AT" = s."_LOADED_AT" '
            )
        rows = self.session.query(
            f"MERGE INTO {self.target} AS t "
            'USING (SELECT x.*, ? AS "_LOAD_ID", CAST(? AS TIMESTAMP_NTZ) AS "_LOADED_AT" '
            f"FROM {self._latest()} AS x) AS s ON {self._same_key()} {update}"
            f'WHEN NOT MATCHED THEN INSERT ({self._names()}, "_LOAD_ID", "_LOADED_AT") '
            f'VALUES ({self._names("s.")}, s."_LOAD_ID", s."_LOADED_AT")',
            self._stamp,
        )
        self._expect(self._keys_missing(), 0)
        result = rows[0]
        return Counts(
            inserted=int(result["number of rows inserted"]),
            updated=int(result.get("number of rows updated") or 0),
            deleted=self._delete(),
        )

    def _delete(self) -> int:
        deletes = self.table.deletes
        if deletes is None:
            return 0
        deleting = Deleting(
            session=self.session,
            target=self.target,
            staged=self.attempt.rows,
            keys=None if self.manifest.keys is None else self.attempt.keys,
            key_names=self._keys,
            marker=marker_column(self.table, self.manifest.columns),
            compares=deletes.compare_keys,
            keeps_rows=deletes.action == "mark",
            load_id=self.manifest.ids.load_id,
            loaded_at=self.loaded_at,
        )
        if self.manifest.keys is not None:
            live, gone = deleting.live_and_gone()
            self._check_shrink(live, live - gone)
        return deleting.run()

    def _delete_span(self) -> int:
        cursor = self._cursor
        if cursor is None:
            raise CountError(
                f"The load of {self.target} has a span but no cursor; its source file changed. Extract again."
            )
        column = quote(cursor.name)
        conditions, values = [f"{column} < CAST(? AS {cursor.type})"], [str(self.manifest.span_upper)]
        if self.manifest.span_lower is not None:
            sign = ">=" if self.manifest.span_lower_inclusive else ">"
            conditions.append(f"{column} {sign} CAST(? AS {cursor.type})")
            values.append(self.manifest.span_lower)
        within = " AND ".join(conditions)
        self._refuse_when_overtaken(within, values)
        return self.session.execute(f"DELETE FROM {self.target} WHERE {within}", values)

    def _staged_keys(self) -> int:
        return self._count(f"SELECT COUNT(*) AS n FROM {self._latest()}")

    def _keys_missing(self) -> int:
        """How many staged rows have no row of their key in RAW; after a right apply, none."""
        return self._count(
            f"SELECT COUNT(*) AS n FROM {self.attempt.rows} AS s "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self.target} AS t WHERE {self._same_key()})"
        )

    def _count(self, statement: str, values: Sequence[Any] = ()) -> int:
        return int(self.session.query(statement, values)[0]["n"])

    def _expect(self, found: int, expected: int) -> None:
        if found != expected:
            raise CountError(
                f"Applying {self.manifest.ids.attempt_id} to {self.target} ({self.table.disposition}) "
                f"gave {found} where {expected} was right; the transaction was rolled back."
            )

    def _apply_quarantine(self) -> None:
        ids = self.manifest.ids
        if self.table.disposition == "replace":
            self.session.execute(f"DELETE FROM {self.quarantine}")
        elif self.manifest.interval_start is not None:
            self.session.execute(
                f'DELETE FROM {self.quarantine} WHERE "_LOAD_ID" IN (SELECT "LOAD_ID" FROM '
                f'{self.ledger.table("LOADS")} WHERE "SOURCE" = ? AND "TABLE_NAME" = ? AND '
                '"INTERVAL_START" = CAST(? AS TIMESTAMP_NTZ) AND "INTERVAL_END" = CAST(? AS TIMESTAMP_NTZ))',
                [ids.source, ids.table, self.manifest.interval_start, str(self.manifest.interval_end)],
            )
        else:
            # Rows of an overlap are set aside again by each load that reads them.
            self.session.execute(
                f"DELETE FROM {self.quarantine} AS q "
                f"WHERE EXISTS (SELECT 1 FROM {self.attempt.quarantine} AS s "
                'WHERE s."POSITION" = q."POSITION" AND s."RECORD" = q."RECORD")'
            )
        inserted = self.session.execute(
            f'INSERT INTO {self.quarantine} ("POSITION", "REASON", "RECORD", "_LOAD_ID", "_LOADED_AT") '
            'SELECT s."POSITION", s."REASON", s."RECORD", ?, CAST(? AS TIMESTAMP_NTZ) '
            f"FROM {self.attempt.quarantine} AS s",
            self._stamp,
        )
        self._expect(inserted, self.manifest.rows_quarantined)
