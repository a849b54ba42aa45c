"""Faults of the processes themselves: killed, out of memory, disk full, two at once, zombies, wrong clocks,
and staged files that are not what was staged. For each of the eight kinds of source."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from include.headrace import settings
from include.headrace.session import query_tag, sessions
from tests.faults.stores import STORES, Store
from tests.faults.suites import Case, Suite
from tests.faults.tasks import TRIES, Broken, check
from tests.faults.victim import CONN_ID, Fault, Outcome, Point, TaskRun, run, start
from tests.support.loads import Shop
from tests.support.snowflake import LocalSnowflake, airflow_connection, start_local_snowflake

STEPS = ("extract", "load")
CLEAR = "lear the extract task"
"""In the words of an error that no retry mends, and that clearing the extract task does."""

Damage = Callable[[list[Path]], None]


@dataclass
class Table:
    """One store's table in RAW, and the runs that load it."""

    store: Store
    snowflake: LocalSnowflake
    folder: Path
    sources: Path
    loads: int = 0
    name: str = field(default_factory=lambda: f"f{uuid.uuid4().hex[:10]}")

    def __post_init__(self) -> None:
        (self.sources / f"{self.name}.yml").write_text(self.store.source_file())
        self.shop = Shop(sessions(CONN_ID, query_tag(dag_id="faults")), self.folder, self.name)

    def begin(self) -> Running:
        """A run, with rows in the source that no run has seen."""
        self.store.grow()
        return Running(self)

    def check(self) -> None:
        """Hold RAW, LOADS and the rows set aside against the source. Raises Broken."""
        expected = [(number, state) for number, (state, _) in self.store.rows.items()]
        check(self.shop, "orders", self.store.columns, expected, self.loads)
        aside = len(self.shop.rows('"RECORD"', "ORDERS__QUARANTINE"))
        if aside != self.store.bad:
            raise Broken(f"{aside} records are set aside, {self.store.bad} should be")

    def staged_files(self, staged: dict[str, str]) -> list[Path]:
        """The files of an attempt where the server keeps them, in order."""
        files = [path for path in self.snowflake.data.rglob("*.parquet") if staged["attempt_id"] in str(path)]
        if not files:
            raise Broken(f"attempt {staged['attempt_id']} has no staged files")
        return sorted(files)


@dataclass
class Running:
    """One run of one table: the extract task until it is green, then the load task."""

    table: Table
    run_id: str = field(default_factory=lambda: f"manual__{uuid.uuid4().hex[:8]}")
    clear_number: int = 0
    staged: dict[str, str] | None = None

    def task(self, step: str) -> TaskRun:
        return TaskRun(self.table.name, step, self.run_id, self.clear_number, self.staged)

    def extract(self, fault: Fault | None = None) -> Outcome:
        outcome = run(self.task("extract"), fault)
        if outcome.result is not None:
            self.staged = outcome.result
        return outcome

    def load(self, fault: Fault | None = None) -> Outcome:
        return run(self.task("load"), fault)

    def clear(self) -> None:
        """Clear both tasks: the run has a new load of its own."""
        self.clear_number += 1
        self.staged = None

    def finish(self) -> None:
        """What Airflow and whoever is on call would do until the run is green, then once more, then look."""
        errors: list[str] = []
        for _ in range(TRIES):
            outcome = self.extract() if self.staged is None else self.load()
            if outcome.error is None and "load_id" in (outcome.result or {}) and self.staged is not None:
                if "rows_loaded" in outcome.result:
                    break
                continue
            errors.append(str(outcome.error))
            if outcome.permanent and CLEAR not in errors[-1]:
                raise Broken(f"red for good: {errors[-1]}")
            if outcome.permanent:
                self.clear()
        else:
            raise Broken(f"not green after {TRIES} tries: {errors}")
        self.table.loads += 1
        again = self.load()
        if again.result != outcome.result:
            raise Broken(f"a second load said {again}, the first {outcome.result}")
        self.table.check()


def discover(table: Table) -> dict[str, tuple[Point, ...]]:
    """The points of a whole run of a table that is there already."""
    table.begin().finish()
    running = table.begin()
    found = {}
    for step in STEPS:
        outcome = running.extract() if step == "extract" else running.load()
        if outcome.error is not None:
            raise Broken(f"{step} without a fault failed: {outcome.error}")
        found[step] = outcome.points
    running.table.loads += 1
    table.check()
    return found


def struck(table: Table, step: str, fault: Fault) -> None:
    """A task that meets a fault, and is run again."""
    running = table.begin()
    if step == "load":
        running.extract()
    outcome = running.extract(fault) if step == "extract" else running.load(fault)
    if not outcome.fired:
        raise Broken(f"the fault did not happen: {outcome}")
    running.finish()


def two_at_once(table: Table, step: str) -> None:
    """Two tries of one task side by side, as when Airflow takes a living worker for dead."""
    running = table.begin()
    if step == "load":
        running.extract()
    children = [start(running.task(step)) for _ in range(2)]
    outcomes = [child.wait() for child in children]
    if step == "extract":
        running.staged = next((one.result for one in outcomes if one.result is not None), None)
    running.finish()


def overtaken(table: Table, step: str, point: Point) -> None:
    """A try that stands still, while another does its work, and then goes on: a zombie."""
    running = table.begin()
    if step == "load":
        running.extract()
    zombie = start(running.task(step), Fault("stopped", point))
    if not zombie.stopped():
        raise Broken(f"the zombie did not stop: {zombie.wait()}")
    try:
        running.finish()
    finally:
        zombie.go_on()
    zombie.wait()
    table.check()


def damaged(table: Table, damage: Damage) -> None:
    """Staged files that are not what was staged any more: the load is red, and right after a clear."""
    running = table.begin()
    running.extract()
    assert running.staged is not None
    damage(table.staged_files(running.staged))
    outcome = running.load()
    if outcome.error is None:
        raise Broken(f"a load of damaged files is green: {outcome}")
    if not outcome.permanent or CLEAR not in outcome.error:
        raise Broken(f"a load of damaged files does not say what to do: {outcome}")
    running.finish()


def cleared(table: Table) -> None:
    """A run that is green and is cleared."""
    running = table.begin()
    running.finish()
    running.clear()
    running.finish()


def flipped(files: list[Path]) -> None:
    """Every byte after the first four, which say that it is Parquet, is another."""
    data = files[0].read_bytes()
    files[0].write_bytes(data[:4] + bytes(byte ^ 0xFF for byte in data[4:-8]) + data[-8:])


def shortened(files: list[Path]) -> None:
    data = files[-1].read_bytes()
    files[-1].write_bytes(data[: len(data) // 2])


def emptied(files: list[Path]) -> None:
    files[0].write_bytes(b"")


def removed(files: list[Path]) -> None:
    files[-1].unlink()


def exchanged(files: list[Path]) -> None:
    """A file in the place of another: the names say other contents than are there."""
    rows = [path for path in files if not path.name.startswith("q")]
    if len(rows) < 2:
        raise Broken("there is only one file to exchange")
    rows[0].write_bytes(rows[-1].read_bytes())


DAMAGES: dict[str, Damage] = {
    "a staged file with other bytes": flipped,
    "a staged file cut in half": shortened,
    "a staged file without a byte": emptied,
    "a staged file that is gone": removed,
    "a staged file in the place of another": exchanged,
}

RAISED_AT = {
    "out of memory": r"piece of rows|write|wrote|COPY|MERGE|INSERT ORDERS",
    "timed out by Airflow": r"piece of rows|open the source|PUT|COPY|COMMIT|UPDATE FENCE|INSERT",
    "disk full": r"write|wrote",
}
"""At which boundaries a task meets what else can happen to it."""

ZOMBIES = r"piece of rows|PUT|INSERT|COPY|BEGIN|UPDATE FENCE|COMMIT|REMOVE|DROP"

SKEWS = (-26, -3, 3, 26)
"""By how many hours a worker's clock is wrong."""


def process_cases(table: Table) -> Iterator[Case]:
    """Every case of one store. Each runs on the same table until one breaks it."""
    kind = table.store.kind
    holder = [table]

    def case(name: str, act: Callable[[Table], None]) -> Case:
        def inject() -> None:
            try:
                act(holder[0])
            except BaseException:
                holder[0] = fresh(holder[0])
                raise

        return Case(f"{kind}: {name}", inject)

    points = discover(table)
    for step in STEPS:

        def meets(fault: Fault, step: str = step) -> Callable[[Table], None]:
            return partial(struck, step=step, fault=fault)

        for point in points[step]:
            yield case(f"{step}: {point}: kill -9", meets(Fault("kill -9", point)))
        for action, where in RAISED_AT.items():
            for point in firsts(points[step], where):
                yield case(f"{step}: {point}: {action}", meets(Fault(action, point)))
        for hours in SKEWS:
            yield case(f"{step}: clock wrong by {hours} h", meets(Fault("clock is wrong", hours=hours)))
        for point in firsts(points[step], ZOMBIES):
            yield case(f"{step}: {point}: zombie", partial(overtaken, step=step, point=point))
        yield case(f"{step}: two at once", partial(two_at_once, step=step))
    yield case("extract: file size limit", partial(struck, step="extract", fault=Fault("file size limit")))
    for name, damage in DAMAGES.items():
        yield case(name, partial(damaged, damage=damage))
    yield case("a green run that is cleared", cleared)


def firsts(points: Iterable[Point], where: str) -> list[Point]:
    """The first point of each boundary that the pattern names."""
    return [point for point in points if point.occurrence == 1 and re.match(where, point.boundary)]


def fresh(table: Table) -> Table:
    """The same store into a table of its own, loaded once."""
    begun = replace(table, loads=0, name=f"f{uuid.uuid4().hex[:10]}")
    begun.begin().finish()
    return begun


@contextmanager
def tables(kind: str, home: Path, snowflake: LocalSnowflake) -> Iterator[Table]:
    """A store with its servers, in this process's environment, and its table in a local Snowflake."""
    sources = home / "sources"
    sources.mkdir(parents=True)
    before = settings.SOURCES_DIR
    try:
        with STORES[kind](home) as (store, connections):
            for name, value in {CONN_ID: airflow_connection(snowflake.port), **connections}.items():
                os.environ[f"AIRFLOW_CONN_{name.upper()}"] = value
            settings.SOURCES_DIR = sources
            yield Table(store, snowflake, home, sources)
    finally:
        settings.SOURCES_DIR = before


def suite(kind: str) -> Suite:
    """The suite of one kind of source."""

    @contextmanager
    def opened(home: Path) -> Iterator[Iterator[Case]]:
        snowflake = start_local_snowflake(home / "snowflake")
        try:
            with tables(kind, home, snowflake) as table:
                yield process_cases(table)
        finally:
            snowflake.stop()

    return opened


SUITES = {f"processes of {kind}": suite(kind) for kind in STORES}
