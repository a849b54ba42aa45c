"""The extract and load tasks of a table, tried again as Airflow does, and what must hold afterwards."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.headrace.config import AnySource, Table
from include.headrace.errors import PassingError
from include.headrace.extract import Extract
from include.headrace.load import Load
from include.headrace.manifest import LoadIds
from include.headrace.session import Session
from include.headrace.workspace import working_folder
from tests.support.loads import DATABASE, TASK, Shop

TRIES = 6
"""How often a task may fail in a way that passes before something is wrong."""

Row = tuple[Any, ...]


class Broken(AssertionError):
    """A load that did not end right; how many rows RAW lacks, and how many it has too many."""

    def __init__(self, message: str, lost: int = 0, doubled: int = 0) -> None:
        super().__init__(message)
        self.lost = lost
        self.doubled = doubled


@dataclass
class Run:
    """One run of one table: the extract task until it is green, then the load task until it is.

    ``go`` stops at the first failure, as long as the fault is there; ``finish`` tries what is left again.
    """

    open_session: Callable[[], Session]
    source: AnySource
    table: Table
    folder: Path
    load_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    staged: LoadIds | None = None
    loaded: dict[str, Any] | None = None
    failures: list[PassingError] = field(default_factory=list)

    def go(self) -> None:
        """Do what is left, once. A failure that a retry may mend is kept; any other is raised."""
        try:
            if self.staged is None:
                self.extract()
            self.loaded = self.load()
        except PassingError as error:
            self.failures.append(error)

    def finish(self) -> dict[str, Any]:
        """Try until it is green, then run the load task once more, as a cleared task would."""
        for _ in range(TRIES):
            if self.loaded is not None:
                again = self.load()
                if again != self.loaded:
                    raise Broken(f"a second load found {again}, the first said {self.loaded}")
                return self.loaded
            self.go()
        raise Broken(f"not green after {len(self.failures)} failures: {self.failures[-1]}")

    def load(self) -> dict[str, Any]:
        """The load task, once."""
        assert self.staged is not None
        return Load(self.open_session, DATABASE, self.staged, self.table, TASK).run()

    def extract(self) -> None:
        """The extract task, once."""
        ids = LoadIds(self.source.name, self.table.name, self.load_id, uuid.uuid4().hex)
        with working_folder(self.folder) as folder:
            Extract(
                open_session=self.open_session,
                database=DATABASE,
                ids=ids,
                source=self.source,
                table=self.table,
                task=TASK,
                interval=None,
                backfill=False,
                folder=folder,
            ).run()
        self.staged = ids


def check(shop: Shop, table: str, columns: str, expected: Iterable[Row], loads: int) -> None:
    """Hold RAW and LOADS against the source. ``columns`` is a select list, ``loads`` how many there were.

    Raises Broken with what is missing and what is too much.
    """
    found = Counter(shop.rows(columns, table.upper()))
    wanted = Counter(expected)
    lost, doubled = wanted - found, found - wanted
    if lost or doubled:
        raise Broken(
            f"{lost.total()} rows lost ({list(lost)[:3]}), {doubled.total()} too many ({list(doubled)[:3]})",
            lost.total(),
            doubled.total(),
        )
    rows = shop.loads()
    if len(rows) != loads or len({row["load_id"] for row in rows}) != loads:
        raise Broken(f"LOADS has {len(rows)} rows for {loads} loads")
    parts = ("rows_staged", "rows_quarantined", "rows_discarded")
    for row in rows:
        if (
            row["rows_extracted"] != sum(row[part] for part in parts)
            or row["rows_loaded"] != row["rows_staged"]
        ):
            raise Broken(f"a receipt does not add up: {row}")
