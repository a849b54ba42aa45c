"""Faults between a task and Snowflake: each request of extract and load, lost, cut, late, repeated..."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.headrace.config import FileTable, ParquetSource
from include.headrace.session import query_tag, sessions
from tests.faults.tasks import Broken, Row, Run, check
from tests.support.loads import Shop
from tests.support.snowflake_proxy import Kind, Place, SnowflakeProxy, StatementFault

BEGINNING = datetime(2024, 5, 1)
ROWS_A_LOAD = 20
NETWORK_SECONDS = 2
LOGIN_SECONDS = 2
LATE_SECONDS = 1.5

FIELDS: dict[str, dict[str, object]] = {
    "append": {"disposition": "append"},
    "merge": {"disposition": "merge", "primary_key": ("id",)},
    "replace": {"disposition": "replace", "cursor": None},
}
"""An append without a key is what doubles first."""


@dataclass(frozen=True)
class Injection:
    """One fault at one request of one kind of load."""

    disposition: str
    place: Place
    kind: Kind

    def __str__(self) -> str:
        return f"snowflake, {self.disposition}: {self.place}: {self.kind.value}"


class Growing:
    """A file that holds 20 new rows at each load, and for a merge a changed one; Snowflake behind a proxy.

    ``port`` is the local Snowflake's, ``conn_id`` the Airflow connection that leads through the proxy.
    """

    def __init__(self, disposition: str, proxy: SnowflakeProxy, conn_id: str, folder: Path) -> None:
        self.disposition = disposition
        self.proxy = proxy
        self._sessions = sessions(conn_id, query_tag(dag_id="faults"))
        self._folder = folder
        self._files = itertools.count()
        self._begin()

    def _begin(self) -> None:
        place = self._folder / f"{self.disposition}-{next(self._files)}"
        self._data = place / "data"
        self._work = place / "work"
        self._data.mkdir(parents=True)
        self._work.mkdir()
        self.shop = Shop(self._sessions, place)
        fields = {"cursor": "changed", **FIELDS[self.disposition]}
        self.table = FileTable(name="orders", path="*.parquet", **fields)
        self.source = ParquetSource(
            name=self.shop.source, kind="parquet", location=f"file://{self._data}", tables=(self.table,)
        )
        self.rows: dict[int, str] = {}
        self.loads = 0
        self._run_whole()

    def _grow(self) -> None:
        start = len(self.rows)
        new = {n: f"state {n}" for n in range(start, start + ROWS_A_LOAD)}
        if self.disposition == "merge" and start:
            new[start - 1] = "changed"
        self.rows |= new
        if self.disposition == "replace":
            new = self.rows
        times = [BEGINNING + timedelta(hours=start, minutes=at) for at in range(len(new))]
        table = pa.table({"id": list(new), "state": list(new.values()), "changed": times})
        pq.write_table(table, self._data / "orders.parquet")

    def _run(self) -> Run:
        self._grow()
        self.loads += 1
        return Run(self._sessions, self.source, self.table, self._work)

    def _run_whole(self) -> None:
        self._run().finish()

    def places(self) -> list[Place]:
        """The requests of one whole run, in order."""
        self._run_whole()
        run = self._run()
        with self.proxy.recorded():
            run.go()
        if run.loaded is None:
            raise Broken(f"a run without a fault failed: {run.failures}")
        return list(self.proxy.places)

    def inject(self, injection: Injection) -> int:
        """Run with the fault, then again without; how often the fault happened.

        Raises Broken, or what the tasks raise, when it does not end with the source's rows. The next
        injection then begins with a table of its own.
        """
        try:
            run = self._run()
            fault = StatementFault(injection.place, injection.kind, LATE_SECONDS)
            with self.proxy.broken(fault):
                run.go()
            run.finish()
            check(self.shop, "orders", '"ID", "STATE"', self._expected(), self.loads)
            return fault.done
        except Exception:
            self._begin()
            raise

    def _expected(self) -> Iterator[Row]:
        return iter(self.rows.items())
