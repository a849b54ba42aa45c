"""Extract and load, as the two tasks of a table do it, on the local Snowflake."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from include.headrace.config import AnySource, Table
from include.headrace.extract import Extract
from include.headrace.load import Load
from include.headrace.manifest import LoadIds
from include.headrace.session import Session
from tests.support.loads import DATABASE, TASK, Shop


class Intake:
    """One source of its own in RAW: extracts and loads its tables as their two tasks do.

    ``name`` is the source's; ``folder`` is for files of the test.
    """

    def __init__(self, open_session: Callable[[], Session], folder: Path) -> None:
        self.shop = Shop(open_session, folder)
        self.name = self.shop.source
        self.folder = folder
        self._work = folder / "work"
        self._work.mkdir()

    def run(
        self,
        source: AnySource,
        table: Table,
        before_load: Callable[[LoadIds], None] | None = None,
        backfill: tuple[datetime, datetime] | None = None,
    ) -> dict[str, Any]:
        """Extract and load; the row of LOADS. ``before_load`` may look at what was staged; ``backfill`` is
        the interval of one."""
        ids = LoadIds(self.name, table.name, uuid.uuid4().hex, uuid.uuid4().hex)
        Extract(
            open_session=self.shop.open_session,
            database=DATABASE,
            ids=ids,
            source=source,
            table=table,
            task=TASK,
            interval=backfill,
            backfill=backfill is not None,
            folder=self._work,
        ).run()
        if before_load is not None:
            before_load(ids)
        return Load(self.shop.open_session, DATABASE, ids, table, TASK).run()

    def assert_only_the_attempt_is_left(self, loads: int, rows: list[tuple[Any, ...]], attempts: int) -> None:
        assert self.shop.rows('"ID"') == rows
        assert len(self.shop.loads()) == loads
        assert len(self.shop.attempts("extract")) == attempts
