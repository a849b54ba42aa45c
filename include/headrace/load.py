"""The load protocol: staged files into a table of RAW, exactly once.

Every step may be cut off anywhere and run again. Nothing is visible before the COMMIT of the one
transaction that applies the rows and writes the row of LOADS; once that row is there, the load
is done, whoever asks.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from include.headrace.apply import Apply, Counts
from include.headrace.config import Table
from include.headrace.copying import AttemptTables
from include.headrace.cursors import later
from include.headrace.errors import HeadraceError, PassingError, PermanentError
from include.headrace.keys import key_columns
from include.headrace.ledger import Fence, Ledger, TaskRef
from include.headrace.manifest import LoadIds, Manifest, now
from include.headrace.names import fold, quote
from include.headrace.plausibility import TooManySetAside, check_quarantined
from include.headrace.schema import Column
from include.headrace.session import CommitInDoubt, Session
from include.headrace.stage import stage_location
from include.headrace.target import Target

log = logging.getLogger(__name__)

ROUNDS = 5
"""How often an apply that lost its fence, or whose COMMIT did not happen, is tried in one task."""


ENDED = ("committed", "rolled back", "rolled_back", "aborted")
"""How DESCRIBE TRANSACTION calls a transaction that can no longer commit."""


class FenceLost(PassingError):
    """Another load of the same table moved the fence first."""


def transaction_prefix(load_id: str) -> str:
    """How the names of all transactions of one load begin."""
    return f"headrace_{load_id}_"


@dataclass(frozen=True)
class Load:
    """One load task's work. ``open_session`` opens a new session each time it is called.

    ``allow_shrink`` lets the table lose any share of its rows.
    """

    open_session: Callable[[], Session]
    database: str
    ids: LoadIds
    table: Table
    task: TaskRef
    allow_shrink: bool = False

    def run(self) -> dict[str, Any]:
        """Apply the staged rows, or find them applied; the row of LOADS with lower-case names.

        Raises CountError, ContractError or another PermanentError when nothing may be applied,
        PassingError when a retry may help. Whatever is raised, RAW and LOADS are as before.
        """
        session = self.open_session()
        try:
            ledger = Ledger(session, self.database)
            done = ledger.committed(self.ids.load_id)
            if done is None:
                abort_leftovers(session, self.ids.load_id)
                done = self._apply_or_find(session, ledger)
            self._tidy("removing the staged files", self._remove_staged)
            return done
        finally:
            session.close()

    def _apply_or_find(self, session: Session, ledger: Ledger) -> dict[str, Any]:
        """Apply the staged rows; when that fails because another attempt was first, its row."""
        try:
            return self._apply_staged(session, ledger)
        except HeadraceError as error:
            done = self._committed_by_another()
            if done is None:
                raise
            log.info("Another attempt committed load %s; this one ended with: %s", self.ids.load_id, error)
            return done

    def _committed_by_another(self) -> dict[str, Any] | None:
        session = self.open_session()
        try:
            return Ledger(session, self.database).committed(self.ids.load_id)
        finally:
            session.close()

    def _apply_staged(self, session: Session, ledger: Ledger) -> dict[str, Any]:
        attempt = uuid.uuid4().hex
        tried = LoadIds(self.ids.source, self.ids.table, self.ids.load_id, attempt)
        ledger.record_attempt(tried, "load", self.task)
        manifest = ledger.manifest(self.ids)
        tables = AttemptTables(session, self.database, manifest, attempt)
        keep_quarantine = False
        try:
            tables.fill(key_columns(manifest, self.table))
            check_quarantined(session, manifest, self.table, tables.quarantine)
            return self._commit(session, ledger, manifest, tables, attempt)
        except TooManySetAside:
            keep_quarantine = True
            raise
        finally:
            self._tidy(
                "dropping the attempt's tables", lambda: self._drop(attempt, manifest, keep_quarantine)
            )

    def _commit(
        self, session: Session, ledger: Ledger, manifest: Manifest, tables: AttemptTables, attempt: str
    ) -> dict[str, Any]:
        for _ in range(ROUNDS):
            target = Target(session, self.database, self.ids, manifest, self.table)
            fence = target.prepare(ledger)
            done = ledger.committed(self.ids.load_id)
            if done is not None:
                return done
            try:
                self._apply_once(session, ledger, manifest, tables, target, fence, attempt)
            except FenceLost:
                continue
            except CommitInDoubt as doubt:
                log.warning(
                    "The COMMIT of load %s got no answer (%s); reading the ledger.", self.ids.load_id, doubt
                )
                resolved = self._resolve(doubt.transaction)
                if resolved is not None:
                    return resolved
                raise PassingError(
                    f"The COMMIT of load {self.ids.load_id} was rolled back; it runs again."
                ) from doubt
            committed = ledger.committed(self.ids.load_id)
            if committed is not None:
                return committed
        raise PassingError(
            f"Load {self.ids.load_id} of {self.ids.label} lost its fence {ROUNDS} times "
            "to other loads of the same table; it runs again."
        )

    def _apply_once(
        self,
        session: Session,
        ledger: Ledger,
        manifest: Manifest,
        tables: AttemptTables,
        target: Target,
        fence: Fence,
        attempt: str,
    ) -> None:
        name = transaction_prefix(self.ids.load_id) + attempt
        loaded_at = now()
        session.execute(f"BEGIN TRANSACTION NAME {quote(name)}")
        transaction = current_transaction(session)
        try:
            if not ledger.swap_fence(self.ids, fence.epoch):
                raise FenceLost(f"The fence of {self.ids.label} moved on from {fence.epoch}.")
            held = ledger.fence_of_cursor(self.ids, self.table.cursor)
            if (held.epoch, held.watermark) != (fence.epoch + 1, fence.watermark):
                raise FenceLost(f"The fence of {self.ids.label} moved on while this load waited for it.")
            if ledger.committed(self.ids.load_id) is not None:
                raise FenceLost(f"Load {self.ids.load_id} was committed by another attempt.")
            counts = Apply(
                session=session,
                ledger=ledger,
                manifest=manifest,
                table=self.table,
                target=target.name,
                quarantine=target.quarantine,
                attempt=tables,
                columns=target.columns,
                watermark=fence.watermark,
                loaded_at=loaded_at,
                allow_shrink=self.allow_shrink,
            ).run()
            self._move_watermark(ledger, manifest, fence)
            ledger.insert_load(self._row(manifest, counts, fence.epoch + 1, target.discarded))
            if current_transaction(session) != transaction:
                raise FenceLost(
                    f"Transaction {transaction} of load {self.ids.load_id} was ended from outside."
                )
        except BaseException:
            session.rollback()
            raise
        session.commit(transaction)

    def _move_watermark(self, ledger: Ledger, manifest: Manifest, fence: Fence) -> None:
        cursor = next((c for c in manifest.columns if c.source_name == self.table.cursor), None)
        if cursor is None or manifest.cursor_max is None or manifest.sampled:
            return
        # A backfill beyond the watermark leaves a gap before it, which the next load must still read.
        start = manifest.span_lower
        if start is not None and later(fence.watermark, start, cursor.type) != fence.watermark:
            return
        newest = later(fence.watermark, manifest.cursor_max, cursor.type)
        ledger.set_watermark(self.ids, str(newest), cursor)

    def _row(
        self, manifest: Manifest, counts: Counts, epoch: int, discarded: Sequence[Column]
    ) -> dict[str, Any]:
        values = manifest.non_null()
        left_out = {column.name: values[column.name] for column in discarded}
        if left_out:
            log.warning(
                "The contract of %s leaves out columns that RAW has not; their values that are not NULL: %s",
                self.ids.label,
                ", ".join(f"{name} {count}" for name, count in left_out.items()),
            )
        return {
            "load_id": self.ids.load_id,
            "attempt_id": self.ids.attempt_id,
            "source": self.ids.source,
            "table_name": self.ids.table,
            "interval_start": manifest.interval_start,
            "interval_end": manifest.interval_end,
            "disposition": self.table.disposition,
            "rows_extracted": manifest.rows_extracted,
            "rows_quarantined": manifest.rows_quarantined,
            "rows_discarded": manifest.rows_discarded,
            "rows_staged": manifest.rows_staged,
            "rows_loaded": manifest.rows_staged,
            "rows_inserted": counts.inserted,
            "rows_updated": counts.updated,
            "rows_deleted": counts.deleted,
            "cursor_min": manifest.cursor_min,
            "cursor_max": manifest.cursor_max,
            "schema_hash": manifest.schema_hash,
            "sampled": manifest.sampled,
            "epoch": epoch,
            "columns_discarded": len(left_out),
            "values_discarded": sum(left_out.values()),
            "dag_id": self.task.dag_id,
            "task_id": self.task.task_id,
            "run_id": self.task.run_id,
            "started_at": manifest.started_at,
            "committed_at": now().isoformat(),
        }

    def _resolve(self, transaction: str) -> dict[str, Any] | None:
        """After a COMMIT without an answer: the row of LOADS when it happened, None when it did not.

        A new session sees every earlier commit. A transaction that still runs is aborted, and
        only then is the ledger believed when it has no row.
        """
        session = self.open_session()
        try:
            ledger = Ledger(session, self.database)
            for _ in range(ROUNDS):
                state = transaction_state(session, transaction)
                done = ledger.committed(self.ids.load_id)
                if done is not None or state in ENDED:
                    return done
                abort_leftovers(session, self.ids.load_id)
        finally:
            session.close()
        raise PassingError(
            f"What became of transaction {transaction} of load {self.ids.load_id} is not known after "
            f"{ROUNDS} looks; the load looks again when it is retried."
        )

    def _drop(self, attempt: str, manifest: Manifest, keep_quarantine: bool) -> None:
        session = self.open_session()
        try:
            AttemptTables(session, self.database, manifest, attempt).drop(keep_quarantine=keep_quarantine)
        finally:
            session.close()

    def _remove_staged(self) -> None:
        # In a session of its own: the load's may have died at the COMMIT, and would be waited for here.
        session = self.open_session()
        try:
            session.execute(f"REMOVE {stage_location(self.database, fold(self.ids.source), self.ids.path)}")
        finally:
            session.close()

    def _tidy(self, what: str, action: Callable[[], Any]) -> None:
        """Tidying must not turn a committed load red, nor hide the error of a failed one."""
        try:
            action()
        except HeadraceError as error:
            log.warning("Load %s: %s failed: %s", self.ids.load_id, what, error)


def transaction_state(session: Session, transaction: str) -> str:
    """``running``, one of ENDED as DESCRIBE TRANSACTION tells it, or ``unknown`` when it does not."""
    try:
        rows = session.query(f"DESCRIBE TRANSACTION {int(transaction)}")
    except PermanentError as error:
        log.warning("Transaction %s cannot be described: %s", transaction, error)
        return "unknown"
    return str(rows[0]["state"]).lower() if rows else "unknown"


def current_transaction(session: Session) -> str:
    """The id of the session's open transaction."""
    return str(session.query("SELECT CURRENT_TRANSACTION() AS id")[0]["id"])


def abort_leftovers(session: Session, load_id: str) -> None:
    """Abort transactions that an earlier try of this load left open, such as one killed with -9."""
    prefix = transaction_prefix(load_id)
    for row in session.query("SHOW TRANSACTIONS"):
        if str(row["name"]).startswith(prefix):
            log.warning("Aborting transaction %s, left open by an earlier try.", row["name"])
            try:
                session.query("SELECT SYSTEM$ABORT_TRANSACTION(?)", [row["id"]])
            except HeadraceError as error:
                # It may have ended by itself in between; what counts is what LOADS says next.
                log.warning("Transaction %s could not be aborted: %s", row["name"], error)
