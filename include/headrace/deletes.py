"""Rows that are deleted in the source, marked in RAW or removed from it. Part of the applying transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from include.headrace.config import Table
from include.headrace.errors import SourceError
from include.headrace.names import DELETED_AT, quote
from include.headrace.schema import Column
from include.headrace.session import Session


def marker_column(table: Table, columns: Sequence[Column]) -> Column | None:
    """The column that marks deleted rows, if the table names one.

    Raises SourceError when it is not there, or when its type says neither yes or no nor a time.
    """
    name = table.deletes.marker if table.deletes else None
    if name is None:
        return None
    found = next((column for column in columns if column.source_name == name), None)
    if found is None:
        raise SourceError(
            f"Table {table.name!r} has no column {name!r}; it has "
            f"{', '.join(column.source_name for column in columns)}. Correct `deletes.marker` in its file."
        )
    if found.type != "BOOLEAN" and not found.type.startswith(("DATE", "TIMESTAMP")):
        raise SourceError(
            f"The marker {name!r} of {table.name!r} is {found.type}, and must be BOOLEAN (true: deleted) or "
            "a time (not NULL: deleted); cast it in a view of the source, or for documents give its type in "
            "`columns`."
        )
    return found


@dataclass(frozen=True)
class Deleting:
    """Deletes in ``target``. ``staged`` has the load's rows, ``keys`` the source's keys, or is None."""

    session: Session
    target: str
    staged: str
    keys: str | None
    key_names: Sequence[str]
    marker: Column | None
    compares: bool
    keeps_rows: bool
    load_id: str
    loaded_at: datetime

    def live_and_gone(self) -> tuple[int, int]:
        """How many rows RAW has that no marker and no earlier load calls deleted; how many of them the
        source's keys lack."""
        live = f"NOT ({self._marked()}) AND {self._undeleted() if self.keeps_rows else 'TRUE'}"
        [row] = self.session.query(
            f"SELECT COUNT(*) AS live, COUNT_IF({self._gone()}) AS gone FROM {self._rows()} WHERE {live}"
        )
        return int(row["live"]), int(row["gone"] or 0)

    def run(self) -> int:
        """Mark or remove what is deleted, take the mark from what came back; how many rows were deleted."""
        deleted = f"({self._marked()} OR {self._gone()})"
        if not self.keeps_rows:
            return self._change(deleted, "DELETE", [])
        stamp = [self.loaded_at.isoformat(), self.load_id, self.loaded_at.isoformat()]
        sets = '"_LOAD_ID" = ?, "_LOADED_AT" = CAST(? AS TIMESTAMP_NTZ)'
        count = self._change(
            f"{self._undeleted()} AND {deleted}",
            f"UPDATE SET {quote(DELETED_AT)} = CAST(? AS TIMESTAMP_NTZ), {sets}",
            stamp,
        )
        back = f"t.{quote(DELETED_AT)} IS NOT NULL AND NOT {deleted}"
        if self.compares and self.keys is None:
            # Without the source's keys only the rows of this load are known to be there.
            back += f" AND EXISTS (SELECT 1 FROM {self.staged} AS s WHERE {self._same('t', 's')})"
        self._change(back, f"UPDATE SET {quote(DELETED_AT)} = NULL, {sets}", stamp[1:])
        return count

    def _change(self, condition: str, action: str, values: Sequence[str]) -> int:
        # A MERGE, since Snowflake takes few kinds of subquery in the WHERE of an UPDATE.
        keys = ", ".join(f"t.{quote(key)}" for key in self.key_names)
        [row] = self.session.query(
            f"MERGE INTO {self.target} AS t USING (SELECT DISTINCT {keys} FROM {self._rows()} "
            f"WHERE {condition}) AS s ON {self._same('t', 's')} WHEN MATCHED THEN {action}",
            values,
        )
        return int(row.get("number of rows updated") or 0) + int(row.get("number of rows deleted") or 0)

    def _rows(self) -> str:
        rows = f"{self.target} AS t"
        if self.keys is not None:
            keys = ", ".join(quote(key) for key in self.key_names)
            rows += f" LEFT JOIN (SELECT DISTINCT {keys} FROM {self.keys}) AS k ON {self._same('t', 'k')}"
        return rows

    def _same(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.{quote(key)} = {right}.{quote(key)}" for key in self.key_names)

    def _marked(self) -> str:
        if self.marker is None:
            return "FALSE"
        name = f"t.{quote(self.marker.name)}"
        return f"COALESCE({name}, FALSE)" if self.marker.type == "BOOLEAN" else f"{name} IS NOT NULL"

    def _gone(self) -> str:
        return "FALSE" if self.keys is None else f"k.{quote(self.key_names[0])} IS NULL"

    @staticmethod
    def _undeleted() -> str:
        return f"t.{quote(DELETED_AT)} IS NULL"
