"""Where the time of a task goes: tasks of the demo under a profiler, ours and as Cosmos runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

from bench.gates import Gate
from bench.transform import page
from bench.transform.airflow import airflow, dag_id
from bench.transform.projects import DEMO, make
from bench.transform.side_by_side import build_bare
from bench.transform.ways import OURS, STOCK, WAYS
from include.headrace import settings
from include.headrace.transform.manifest import bake
from include.headrace.transform.running import environment

TASKS = ("dim_airport.run", "fct_flights.run", "dim_airport.unique_dim_airport_airport_code")


def section(say: Callable[[str], None]) -> tuple[list[str], list[Gate]]:
    """A table a way; nothing is asked of it."""
    parts = [
        "A process that is forked as Airflow forks a task's reads the DAG file and runs the task, over the "
        "demo's project already built. Seconds; `in all` and `CPU` without the profiler, the parts with it, "
        "which slows Python code and sees the main thread alone: dbt works on a node in a thread of its own. "
        "Parts are within one another. The first task finds no parsed manifest kept, and makes it. What "
        "Airflow itself does for a task, its own process and calls of its API, is not in here: the empty "
        "tasks above show it."
    ]
    project = make(DEMO, say)
    with airflow() as running:
        ways = {way.name: way for way in WAYS}
        with running.ready(ways["dbt build"], project):
            with environment({**os.environ, **running.env}):
                bake("local", project.folder)
            build_bare(running, project)
            for way in (ways[OURS], ways[STOCK]):
                say(f"profiling {way.name}")
                name = dag_id(way, project)
                env = {
                    **os.environ,
                    **running.env,
                    **way.env,
                    "HEADRACE_DBT_DIR": str(project.folder),
                    "BENCH_DAG": name,
                }
                lines = _profiled(f"{way.dags}/transform.py", name, env)
                parts.append(f"### {way.name}\n\n{lines}")
    return parts, []


def _profiled(path: str, name: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.transform.one_task", path, name, *TASKS],
        cwd=settings.PROJECT_ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"The tasks were not profiled:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    head = ["part", *(f"`{task}`" for task in TASKS)]
    return page.table(head, [[part, *(f"{one[part]:.2f}" for one in found)] for part in found[0]])
