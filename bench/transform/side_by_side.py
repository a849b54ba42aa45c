"""The ways one after another over a project, round for round, and what each round came to."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.transform.airflow import Airflow
from bench.transform.projects import Project
from bench.transform.watch import Memory, cpu_seconds
from bench.transform.ways import BARE, Way
from include.headrace.demo.environment import PARALLELISM
from include.headrace.errors import HeadraceError
from include.headrace.transform.manifest import bake, dbt_command
from include.headrace.transform.running import environment


@dataclass(frozen=True)
class Run:
    """One run of one way. Seconds; ``memory`` in bytes; ``seconds_a_task`` is None without tasks."""

    wall: float
    cpu: float
    memory: int
    queries: int
    tasks: int = 0
    seconds_a_task: float | None = None


@dataclass
class Row:
    """A way's runs over a project of so many nodes."""

    way: Way
    nodes: int
    runs: list[Run] = field(default_factory=list)
    error: str = ""

    @property
    def wall(self) -> float:
        """The median of the runs, in seconds."""
        return median(run.wall for run in self.runs)

    @property
    def measured(self) -> bool:
        """True when there is a run and none went wrong."""
        return bool(self.runs) and not self.error


def measure(
    airflow: Airflow,
    project: Project,
    ways: Sequence[Way],
    rounds: int,
    say: Callable[[str], None],
    keep: Callable[[Sequence[Row]], None],
) -> list[Row]:
    """Run each way over a project, alternating, then once each of those that are measured once.

    A way that fails is not run again; its row says why. ``keep`` is given all rows after each run.
    """
    with environment({**os.environ, **airflow.env}):
        bake("local", project.folder)
    rows = [Row(way, project.nodes()) for way in ways]
    for row in turns(rows, rounds):
        if row.error:
            continue
        try:
            row.runs.append(_run(airflow, project, row.way))
        except (RuntimeError, HeadraceError) as error:
            row.error = str(error)
            say(f"{project.name}: {row.way.name}: {row.error}")
        else:
            last = row.runs[-1]
            say(f"{project.name}: {row.way.name}: {last.wall:.0f} s, {last.cpu:.0f} CPU s")
        keep(rows)
    return rows


def turns(rows: Sequence[Row], rounds: int) -> list[Row]:
    """Whose turn it is: what alternates, forth and back, then what is measured once."""
    again = [row for row in rows if not row.way.once]
    found = [row for number in range(rounds) for row in (again if number % 2 == 0 else again[::-1])]
    return [*found, *(row for row in rows if row.way.once)]


def _run(airflow: Airflow, project: Project, way: Way) -> Run:
    with airflow.ready(way, project) as processes:
        if way.name == BARE:
            return build_bare(airflow, project)
        busy = cpu_seconds()
        with Memory(airflow.task_processes) as memory:
            run = airflow.run(processes, way, project)
        used = cpu_seconds() - busy
        queries = airflow.warehouse.queries()
        return Run(run.wall, used, memory.peak, queries, run.tasks, run.seconds_a_task)


def build_bare(airflow: Airflow, project: Project) -> Run:
    """One ``dbt build``, which finds the project parsed, as a second run on a laptop does.

    Raises RuntimeError with the end of what dbt printed when it fails.
    """
    # Beside the project: a file more in it would make it another one, to be parsed again by the other ways.
    made = project.folder.with_name("bare")
    where = ["--project-dir", ".", "--profiles-dir", ".", "--target", "local"]
    where += ["--target-path", str(made / "target"), "--log-path", str(made / "logs")]
    env = {**os.environ, **airflow.env, **airflow.dbt_login()}
    shutil.rmtree(made, ignore_errors=True)
    _dbt(["parse", *where], project, env)
    started, busy = time.monotonic(), cpu_seconds()
    _dbt(["build", *where, "--threads", str(PARALLELISM)], project, env)
    return Run(time.monotonic() - started, cpu_seconds() - busy, 0, airflow.warehouse.queries())


def _dbt(arguments: list[str], project: Project, env: dict[str, str]) -> None:
    done = subprocess.run(
        [dbt_command(), "--no-use-colors", *arguments],
        cwd=project.folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"dbt {arguments[0]} failed:\n{done.stdout[-2000:]}")
