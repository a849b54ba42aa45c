"""``python -m bench.transform.one_task <DAG file> <DAG> <task> ...``: tasks under a profiler, each forked.

The parent imports what Airflow's scheduler does, so with HEADRACE_DBT_RUNNER=cosmos Airflow alone; what a
task process then does, reading the DAG file and running the task, is run under a profiler. Prints one line
of JSON a task: seconds in all without the profiler, and by part with it.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import sys
import time
from pathlib import Path
from typing import Any

import airflow.sdk.execution_time.task_runner  # noqa: F401
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

from include.headrace.transform.preload import preload

PARTS = {
    "imports": ("importlib._bootstrap", "_find_and_load"),
    "reading the DAG file": ("one_task.py", "read"),
    "dbt, all of it": ("dbt/cli/main.py", "invoke"),
    "dbt's parsing": ("dbt/parser/manifest.py", "get_full_manifest"),
    "signing in to the warehouse": ("snowflake/connector/connection.py", "connect"),
    "waiting for its queries": ("snowflake/connector/cursor.py", "execute"),
}
"""A part by the function that does it; parts are within one another."""


class Instance:
    """As much of a task instance as a task looks at outside of Airflow."""

    run_id = "bench"
    map_index = -1
    try_number = 1

    def __init__(self, dag_id: str, task_id: str) -> None:
        self.dag_id = dag_id
        self.task_id = task_id

    def xcom_push(self, **values: Any) -> None:
        """Nobody is told."""


def read(path: Path, dag_id: str, task_id: str) -> Any:
    """The task, from its DAG file as a task process reads it."""
    with _airflow_parsing_context_manager(dag_id=dag_id, task_id=task_id):
        bag = BundleDagBag(
            dag_folder=path, safe_mode=False, load_op_links=False, bundle_path=path.parent, bundle_name="b"
        )
    if bag.import_errors:
        raise RuntimeError(str(bag.import_errors))
    return bag.dags[dag_id].task_dict[task_id]


def run(path: Path, dag_id: str, task_id: str) -> None:
    """Read the DAG file and run the task."""
    task = read(path, dag_id, task_id)
    instance = Instance(dag_id, task_id)
    task.full_refresh = False
    params = {"full_refresh": False, "select": "", "event_time_start": "", "event_time_end": ""}
    context = {"ti": instance, "task_instance": instance, "run_id": "bench", "params": params}
    task.execute({**context, "dag": task.dag, "task": task})


def forked(path: Path, dag_id: str, task_id: str, *, profiled: bool) -> dict[str, float]:
    """Do that in a child; what it took, in seconds. Raises RuntimeError when the task failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(_measured(path, dag_id, task_id, profiled=profiled)).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = answers.read()
    _, status, used = os.wait4(child, 0)
    if status != 0:
        raise RuntimeError(f"{task_id} failed")
    found: dict[str, float] = json.loads(answer)
    return found if profiled else {**found, "CPU": used.ru_utime + used.ru_stime}


def _measured(path: Path, dag_id: str, task_id: str, *, profiled: bool) -> dict[str, float]:
    began = time.monotonic()
    if not profiled:
        run(path, dag_id, task_id)
        return {"in all": time.monotonic() - began}
    profiler = cProfile.Profile()
    profiler.runcall(run, path, dag_id, task_id)
    stats: dict[tuple[str, int, str], tuple[Any, ...]] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    return {
        part: sum(row[3] for (file, _, name), row in stats.items() if file_end in file and name == function)
        for part, (file_end, function) in PARTS.items()
    }


def main() -> None:
    """Do what the command line says."""
    path, dag_id = Path(sys.argv[1]), sys.argv[2]
    preload(["airflow", "scheduler"])
    for task_id in sys.argv[3:]:
        plain = forked(path, dag_id, task_id, profiled=False)
        parts = forked(path, dag_id, task_id, profiled=True)
        print(json.dumps({**plain, **parts}), flush=True)


if __name__ == "__main__":
    main()
