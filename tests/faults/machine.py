"""A Hypothesis state machine over loads: any order of changes, runs, crashes, retries, backfills and zombies.

The source is a Parquet file that the machine writes anew at each change, read by the real reader and loaded
by the real protocol into the local Snowflake. A crash is raised out of a statement, which the session then
does not survive. What must hold is kept apart from the program: a dictionary of rows.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from include.headrace.config import FileTable, ParquetSource
from include.headrace.errors import CountError
from include.headrace.extract import Extract
from include.headrace.load import Load
from include.headrace.manifest import LoadIds
from include.headrace.session import Session, query_tag, sessions
from tests.faults.suites import Case, Suite
from tests.faults.tasks import Broken
from tests.support.loads import DATABASE, TASK, Shop
from tests.support.snowflake import airflow_connection, start_local_snowflake

CONN_ID = "faults_snowflake"
MINUTE = timedelta(minutes=1)
BEGINNING = datetime(2024, 5, 1, 12)
OVERLAP = 10 * MINUTE

Row = dict[str, Any]
Interval = tuple[datetime, datetime]


class Crash(BaseException):
    """The task is gone; no handler of the program may turn this into something else."""


@dataclass
class Fuse:
    """Counts a session's statements and crashes at the one it is set to."""

    left: int | None = None
    after: bool = False

    def burn(self, run: Callable[[], Any]) -> Any:
        if self.left is None:
            return run()
        self.left -= 1
        if self.left != 0:
            return run()
        self.left = None
        if self.after:
            run()
        raise Crash


FUSE = Fuse()


def fused(monkeypatch: Any) -> None:
    """Let every statement of every session pass the fuse."""
    run, insert = Session._run, Session.insert
    monkeypatch.setattr(Session, "_run", lambda self, *arguments: FUSE.burn(lambda: run(self, *arguments)))
    monkeypatch.setattr(
        Session, "insert", lambda self, *arguments: FUSE.burn(lambda: insert(self, *arguments))
    )


@dataclass(frozen=True)
class Staged:
    """What an extract left for a load task."""

    ids: LoadIds
    table: FileTable


@dataclass
class Source:
    """The rows as they are now, and every version that a row ever had."""

    rows: dict[int, Row] = field(default_factory=dict)
    columns: list[str] = field(default_factory=lambda: ["id", "state", "changed"])
    versions: set[tuple[int, str, datetime]] = field(default_factory=set)
    clock: datetime = BEGINNING

    def put(self, key: int, state: str, changed: datetime) -> None:
        row = {"id": key, "state": state, "changed": changed}
        if "note" in self.columns:
            row["note"] = f"{state} noted"
        self.rows[key] = row
        self.versions.add((key, state, changed))

    def write(self, folder: Path) -> None:
        kinds = {"id": pa.int64(), "state": pa.string(), "changed": pa.timestamp("us"), "note": pa.string()}
        schema = pa.schema([pa.field(name, kinds[name]) for name in self.columns])
        pq.write_table(pa.Table.from_pylist(list(self.rows.values()), schema), folder / "orders.parquet")


def settings_of(examples: int, steps: int) -> settings:
    """So many random sequences of at most so many steps, without a deadline and without shrinking."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )


crash_points = st.none() | st.tuples(st.integers(1, 45), st.booleans())


class Loads(RuleBasedStateMachine):
    """One table of one disposition. Subclasses say which."""

    open_session: ClassVar[Callable[[], Session]]
    folder: ClassVar[Path]
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        name = uuid.uuid4().hex[:8]
        place = self.folder / name
        (place / "files").mkdir(parents=True)
        self.place = place
        self.shop = Shop(type(self).open_session, place)
        self.table = FileTable(name="orders", path="orders.parquet", **self.settings)
        self.source_file = ParquetSource(
            name=self.shop.source, kind="parquet", location=str(place / "files"), tables=(self.table,)
        )
        self.source = Source()
        self.committed: set[str] = set()
        self.zombies: list[Staged] = []
        self.source.write(place / "files")
        self.newest: dict[int, datetime] = {}
        self.looking = type(self).open_session()

    def teardown(self) -> None:
        self.looking.close()

    # What happens to the source.

    @rule(count=st.integers(1, 4))
    def rows_come(self, count: int) -> None:
        for _ in range(count):
            self.source.clock += MINUTE
            self.source.put(len(self.source.rows), "new", self.source.clock)
        self.source.write(self.place / "files")

    @precondition(lambda self: "note" not in self.source.columns)
    @rule()
    def a_column_comes(self) -> None:
        self.source.columns.append("note")
        self.source.write(self.place / "files")

    # What runs.

    @rule(crashes=st.lists(crash_points, max_size=3))
    def from_the_watermark(self, crashes: list[tuple[int, bool] | None]) -> None:
        """A run to its end, with crashes on the way: RAW is then what the source is."""
        self.task_until_done(self.extract_then_load(None, backfill=False), crashes)
        self.assert_raw_is_the_source()

    @rule(start=st.integers(0, 30), length=st.integers(1, 30), crashes=st.lists(crash_points, max_size=2))
    def a_backfill(self, start: int, length: int, crashes: list[tuple[int, bool] | None]) -> None:
        interval = (BEGINNING + start * MINUTE, BEGINNING + (start + length) * MINUTE)
        self.task_until_done(self.extract_then_load(interval, backfill=True), crashes)
        before = self.raw()
        self.task_until_done(self.extract_then_load(interval, backfill=True), [])
        assert self.raw() == before, "the same interval again changed the table"
        self.assert_interval_is_the_source(interval)

    @rule(length=st.integers(1, 30), crashes=st.lists(crash_points, max_size=2))
    def an_interval_that_ends_now(self, length: int, crashes: list[tuple[int, bool] | None]) -> None:
        end = self.source.clock + MINUTE
        self.task_until_done(self.extract_then_load((end - length * MINUTE, end), backfill=False), crashes)
        self.assert_raw_is_the_source()

    @rule(backfill=st.booleans(), start=st.integers(0, 30), length=st.integers(1, 30))
    def an_extract_whose_load_waits(self, backfill: bool, start: int, length: int) -> None:
        begin = BEGINNING + start * MINUTE
        interval = (begin, begin + length * MINUTE) if backfill else None
        self.zombies.append(self.extract(uuid.uuid4().hex, interval, backfill))

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def a_load_comes_late(self, data: st.DataObject) -> None:
        """It is applied as if in time, or refused because the table has moved on since it was read."""
        staged = self.zombies.pop(data.draw(st.integers(0, len(self.zombies) - 1)))
        before = self.raw()
        try:
            self.load(staged)
        except CountError as error:
            assert "lear the extract task" in str(error), error
            assert self.raw() == before
        else:
            self.committed.add(staged.ids.load_id)

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def a_committed_load_runs_again(self, data: st.DataObject) -> None:
        load_id = data.draw(st.sampled_from(sorted(self.committed)))
        before = self.raw()
        self.load(Staged(LoadIds(self.shop.source, "orders", load_id, uuid.uuid4().hex), self.table))
        assert self.raw() == before

    # What always holds.

    @invariant()
    def every_row_is_one_of_the_source_and_no_load_is_doubled(self) -> None:
        rows = self.raw()
        assert len({row[0] for row in rows}) == len(rows), "a row is there twice"
        unknown = {row[:3] for row in rows} - self.source.versions
        assert not unknown, "a row is none that the source ever had"
        assert sorted(self.loads()) == sorted(self.committed)

    @invariant()
    def no_row_is_lost_or_goes_back(self) -> None:
        """The source never deletes a row, so RAW never has fewer, nor an older version, than it had."""
        now = {row[0]: row[2] for row in self.raw()}
        for key, changed in self.newest.items():
            assert key in now, f"row {key} was in RAW and is gone"
            assert now[key] >= changed, f"row {key} went back from {changed} to {now[key]}"
        self.newest = now

    def assert_raw_is_the_source(self) -> None:
        expected = {(row["id"], row["state"], row["changed"]) for row in self.source.rows.values()}
        assert {row[:3] for row in self.raw()} == expected
        self.assert_notes()

    def assert_interval_is_the_source(self, interval: Interval) -> None:
        start, end = interval
        expected = {
            (row["id"], row["state"], row["changed"])
            for row in self.source.rows.values()
            if start <= row["changed"] < end
        }
        assert expected <= {row[:3] for row in self.raw()}

    def assert_notes(self) -> None:
        """A column that came later has the values of rows that were read since."""
        if "note" not in self.source.columns:
            return
        notes = {row["id"]: row.get("note") for row in self.source.rows.values()}
        wrong = [row for row in self.raw() if row[3] not in (None, notes[row[0]])]
        assert not wrong

    # How it runs.

    def extract(self, load_id: str, interval: Interval | None, backfill: bool) -> Staged:
        ids = LoadIds(self.shop.source, "orders", load_id, uuid.uuid4().hex)
        work = self.place / ids.attempt_id
        work.mkdir()
        aware = (interval[0].replace(tzinfo=UTC), interval[1].replace(tzinfo=UTC)) if interval else None
        Extract(
            open_session=self.shop.open_session,
            database=DATABASE,
            ids=ids,
            source=self.source_file,
            table=self.table,
            task=TASK,
            interval=aware,
            backfill=backfill,
            folder=work,
        ).run()
        return Staged(ids, self.table)

    def load(self, staged: Staged) -> None:
        Load(self.shop.open_session, DATABASE, staged.ids, staged.table, TASK).run()

    def extract_then_load(self, interval: Interval | None, backfill: bool) -> Callable[[], None]:
        """A run's two tasks, each taken up where it was: a retry keeps what its first try had."""
        load_id = uuid.uuid4().hex
        staged: list[Staged] = []

        def run() -> None:
            if not staged:
                staged.append(self.extract(load_id, interval, backfill))
            self.load(staged[0])
            self.committed.add(load_id)

        return run

    def task_until_done(self, run: Callable[[], None], crashes: list[tuple[int, bool] | None]) -> None:
        for crash in [*crashes, None]:
            FUSE.left, FUSE.after = crash or (None, False)
            try:
                run()
            except Crash:
                continue
            finally:
                FUSE.left = None
            return

    def loads(self) -> list[str]:
        """The ids of committed loads."""
        if not self.looking.query("SHOW SCHEMAS LIKE 'HEADRACE' IN ACCOUNT"):
            return []
        rows = self.looking.query(
            'SELECT "LOAD_ID" FROM "RAW"."HEADRACE"."LOADS" WHERE "SOURCE" = ?', [self.shop.source]
        )
        return [row["load_id"] for row in rows]

    def raw(self) -> list[tuple[Any, ...]]:
        """The table's rows, sorted: id, state, changed and, once it came, note."""
        tables = self.looking.query("SHOW TABLES LIKE 'ORDERS' IN ACCOUNT")
        if self.shop.source.upper() not in {row["schema_name"] for row in tables}:
            return []
        found = self.looking.query(f"SELECT * FROM {self.shop.table()}")
        rows = [(row["id"], row["state"], row["changed"], row.get("note")) for row in found]
        return sorted(rows, key=repr)


class Merged(Loads):
    """Merged by key; rows change, and some are committed later than their cursor says."""

    settings: ClassVar[dict[str, Any]] = {
        "primary_key": ("id",),
        "cursor": "changed",
        "disposition": "merge",
        "overlap": OVERLAP,
    }

    @precondition(lambda self: self.source.rows)
    @rule(data=st.data())
    def a_row_changes(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.source.rows)))
        self.source.clock += MINUTE
        self.source.put(key, f"changed at {self.source.clock:%H:%M}", self.source.clock)
        self.source.write(self.place / "files")

    @rule(by=st.integers(1, 9))
    def a_row_comes_late(self, by: int) -> None:
        """Its cursor lies before rows that may be loaded already, by less than the overlap."""
        self.source.clock += MINUTE
        self.source.put(len(self.source.rows), "late", self.source.clock - by * MINUTE)
        self.source.write(self.place / "files")


class Appended(Loads):
    """Appended by a cursor that only grows, without a key."""

    settings: ClassVar[dict[str, Any]] = {"cursor": "changed", "disposition": "append"}


class Replaced(Loads):
    """Replaced whole; a late load must not bring back what was."""

    settings: ClassVar[dict[str, Any]] = {"primary_key": ("id",)}

    @precondition(lambda self: self.source.rows)
    @rule(data=st.data())
    def a_row_changes(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.source.rows)))
        self.source.clock += MINUTE
        self.source.put(key, f"changed at {self.source.clock:%H:%M}", self.source.clock)
        self.source.write(self.place / "files")


SEQUENCES = 6
"""Cases of a suite; each is some random sequences that begin with a seed of their own."""


def suite(disposition: type[Loads]) -> Suite:
    """The suite of one disposition: random sequences of runs, crashes, retries and backfills."""

    @contextmanager
    def opened(home: Path) -> Iterator[Iterator[Case]]:
        home.mkdir(parents=True)
        server = start_local_snowflake(home / "snowflake")
        os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = airflow_connection(server.port)
        with pytest.MonkeyPatch.context() as patch:
            fused(patch)
            patch.setattr(disposition, "open_session", staticmethod(sessions(CONN_ID, query_tag())), False)
            patch.setattr(disposition, "folder", home, raising=False)
            yield (
                Case(
                    f"any order, {disposition.__name__}: seed {number}",
                    partial(_sequences, disposition, number),
                )
                for number in range(SEQUENCES)
            )
        server.stop()

    return opened


def _sequences(disposition: type[Loads], number: int) -> None:
    try:
        run_state_machine_as_test(seed(number)(disposition), settings=settings_of(examples=2, steps=20))
    except AssertionError as error:
        raise Broken(f"{error}; {getattr(error, '__notes__', [])}") from error


SUITES: dict[str, Suite] = {f"any order: {one.__name__}": suite(one) for one in (Merged, Appended, Replaced)}
