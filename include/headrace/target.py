"""Step 4 of a load: the table in RAW and its quarantine, made or widened before anything is applied."""

from __future__ import annotations

from include.headrace.config import Table
from include.headrace.errors import ContractError, PassingError
from include.headrace.ledger import Fence, Ledger
from include.headrace.manifest import LoadIds, Manifest
from include.headrace.names import DELETED_AT, LOAD_COLUMNS, fold, literal, quote
from include.headrace.schema import Column, compare
from include.headrace.session import Session

ADDED_COLUMNS = {"_LOAD_ID": "VARCHAR NOT NULL", "_LOADED_AT": "TIMESTAMP_NTZ NOT NULL"}
QUARANTINE_COLUMNS = {"POSITION": "VARCHAR", "REASON": "VARCHAR", "RECORD": "VARCHAR", **ADDED_COLUMNS}


class Target:
    """A table in RAW that a load applies to."""

    def __init__(
        self, session: Session, database: str, ids: LoadIds, manifest: Manifest, table: Table
    ) -> None:
        self._session = session
        self._manifest = manifest
        self._table = table
        self._ids = ids
        self.name = quote(database, fold(ids.source), fold(ids.table))
        self.quarantine = quote(database, fold(ids.source), f"{fold(ids.table)}__QUARANTINE")
        self.columns: tuple[Column, ...] = ()
        self.discarded: tuple[Column, ...] = ()

    def prepare(self, ledger: Ledger) -> Fence:
        """Make the tables, or add and widen columns as the contract allows; the fence to swap.

        DDL commits by itself, so it comes before the applying transaction. It runs under the
        fence: the epoch moves on first, and a load that read the columns before starts over.
        Raises ContractError when the contract forbids the change.
        """
        self._refuse_own_name()
        self._create_missing()
        fence = ledger.fence_of_cursor(self._ids, self._table.cursor)
        existing = self._existing()
        unmarked = self._keeps_deleted and DELETED_AT not in existing
        if DELETED_AT not in {column.name for column in self._manifest.columns}:
            existing.pop(DELETED_AT, None)
        change = compare(
            list(self._manifest.columns),
            existing,
            self._table.contract,
            f"{self._ids.source}.{self._ids.table}",
        )
        self._refuse_keys_among(change.discarded)
        self.discarded = change.discarded
        self.columns = tuple(c for c in self._manifest.columns if c not in change.discarded)
        if not change.added and not change.widened and not unmarked:
            return fence
        if not ledger.swap_fence(self._ids, fence.epoch):
            raise PassingError(f"Another load changed {self.name} at the same time; it runs again.")
        for column in change.added:
            self._session.execute(f"ALTER TABLE {self.name} ADD COLUMN IF NOT EXISTS {definition(column)}")
        for column in change.widened:
            self._session.execute(
                f"ALTER TABLE {self.name} ALTER COLUMN {quote(column.name)} SET DATA TYPE {column.type}"
            )
        if unmarked:
            self._session.execute(
                f"ALTER TABLE {self.name} ADD COLUMN IF NOT EXISTS {quote(DELETED_AT)} TIMESTAMP_NTZ"
            )
        return ledger.fence_of_cursor(self._ids, self._table.cursor)

    @property
    def _keeps_deleted(self) -> bool:
        deletes = self._table.deletes
        return deletes is not None and deletes.action == "mark"

    def _refuse_own_name(self) -> None:
        own = [c.source_name for c in self._manifest.columns if c.name == DELETED_AT]
        if self._keeps_deleted and own:
            raise ContractError(
                f"Column {own[0]!r} of {self._ids.label} has the name of the column that `deletes` adds "
                f"({DELETED_AT}); rename it, leave it out with `exclude`, or set `action: remove`."
            )

    def _create_missing(self) -> None:
        columns = [definition(column) for column in self._manifest.columns]
        columns += [f"{quote(name)} {kind}" for name, kind in ADDED_COLUMNS.items()]
        if self._keeps_deleted:
            columns.append(f"{quote(DELETED_AT)} TIMESTAMP_NTZ")
        self._session.execute(f"CREATE TABLE IF NOT EXISTS {self.name} ({', '.join(columns)})")
        aside = ", ".join(f"{quote(name)} {kind}" for name, kind in QUARANTINE_COLUMNS.items())
        self._session.execute(f"CREATE TABLE IF NOT EXISTS {self.quarantine} ({aside})")

    def _existing(self) -> dict[str, str]:
        rows = self._session.query(f"DESCRIBE TABLE {self.name}")
        return {row["name"]: row["type"] for row in rows if row["name"] not in LOAD_COLUMNS}

    def _refuse_keys_among(self, discarded: tuple[Column, ...]) -> None:
        deletes = self._table.deletes
        needed = {*self._table.primary_key, self._table.cursor, deletes.marker if deletes else None}
        lost = [column.source_name for column in discarded if column.source_name in needed]
        if lost:
            raise ContractError(
                f"The contract of {self._ids.label} discards new columns, but {', '.join(lost)} "
                "is its key, cursor or marker and is not in RAW; add it there or change the source file."
            )


def definition(column: Column) -> str:
    """A column as CREATE TABLE and ADD COLUMN name it; the source's own name is kept in the comment."""
    comment = "; ".join(
        part
        for part in (column.source_name if column.source_name != column.name else None, column.comment)
        if part
    )
    return f"{quote(column.name)} {column.type}" + (f" COMMENT {literal(comment)}" if comment else "")
