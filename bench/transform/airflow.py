"""The Airflow under measurement: as ``make up`` starts it, with another folder of DAGs each time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.servers import postgres
from bench.transform.projects import TRANSFORM_HOME, Project
from bench.transform.warehouse import Warehouse
from bench.transform.ways import Way
from include.headrace import settings
from include.headrace.airflow_api import AirflowApi
from include.headrace.demo.environment import airflow_environment, base_environment, load_secrets
from include.headrace.demo.job import moment
from include.headrace.demo.platform import MIGRATE_SECONDS, PARSE_SECONDS, START_SECONDS
from include.headrace.demo.processes import Processes, RunFile, find
from include.headrace.demo.server_process import HOST, USER, free_port
from include.headrace.pools import DBT_POOL, DBT_SLOTS
from include.headrace.transform import SELECT
from include.headrace.transform.profile import PLACEHOLDERS, dbt_environment
from include.headrace.transform.warm_pool import MODULE

RUN_SECONDS = 7200
"""A run that takes so long has hung; this bounds no speed."""
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class DagRun:
    """What Airflow's metadata say of a finished run: times in seconds, how many tasks ran, and their mean."""

    wall: float
    tasks: int
    seconds_a_task: float


class Airflow:
    """An API server and its metadata, which stay; scheduler and DAG processor are started for each run."""

    def __init__(self, metadata: str, warehouse: Warehouse) -> None:
        self._home = TRANSFORM_HOME / "airflow"
        self._api = AirflowApi(f"http://{HOST}:{free_port()}", direct=True)
        self._keys = load_secrets(self._home / "secrets.json")
        self._stays = Processes(RunFile(TRANSFORM_HOME / "stays.json"), TRANSFORM_HOME / "logs")
        self.warehouse = warehouse
        port = int(self._api.url.rpartition(":")[2])
        self.env = {
            **base_environment(os.environ),
            **airflow_environment(self._home, port, metadata, self._keys, schedules=False),
            "AIRFLOW_HOME": str(self._home),
            "HEADRACE_EXPORTS": str(TRANSFORM_HOME / "exports"),
            f"AIRFLOW_CONN_{settings.SNOWFLAKE_CONN_ID.upper()}": warehouse.connection,
        }

    def start(self) -> None:
        """Start what stays."""
        RunFile(TRANSFORM_HOME / "stays.json").stop_leftovers()
        RunFile(TRANSFORM_HOME / "run.json").stop_leftovers()
        self._start(self._stays, "migrate", "db", "migrate")
        self._stays.finish("migrate", MIGRATE_SECONDS)
        port = self._api.url.rpartition(":")[2]
        self._start(self._stays, "api-server", "api-server", "--host", HOST, "--port", port)
        self._stays.wait_until("api-server", self._api.answers, START_SECONDS)
        self._login()
        self._api.set_pools({DBT_POOL: DBT_SLOTS}, "Bench")

    def stop(self) -> None:
        """Stop what stays."""
        self._api.close()
        self._stays.stop()

    def dbt_login(self) -> dict[str, str]:
        """The environment that dbt needs to sign in to the warehouse."""
        from airflow.sdk import Connection

        connection = Connection.from_json(self.warehouse.connection, conn_id=settings.SNOWFLAKE_CONN_ID)
        return {**PLACEHOLDERS, **dbt_environment(connection)}

    @contextmanager
    def ready(self, way: Way, project: Project) -> Iterator[Processes]:
        """A warehouse with the project's data, and for a way of Airflow's the DAG, known and unpaused."""
        processes = Processes(RunFile(TRANSFORM_HOME / "run.json"), TRANSFORM_HOME / "logs")
        try:
            self.warehouse.start(processes, self.env, project.warehouse)
            if way.dags is not None:
                self._start_ways(processes, way, project, way.dags)
            yield processes
        finally:
            processes.stop()

    def _start_ways(self, processes: Processes, way: Way, project: Project, dags: Path) -> None:
        env = {
            **way.env,
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            # Cosmos's way to write a DAG file does not name Airflow.
            "AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "False",
            "HEADRACE_DBT_DIR": str(project.folder),
            "BENCH_DAG": dag_id(way, project),
            **(self.dbt_login() if way.cosmos_alone else {}),
        }
        since = datetime.now(UTC)
        self._start(processes, "scheduler", "scheduler", "--skip-serve-logs", **env)
        if way.cosmos_alone:
            self._start(processes, "triggerer", "triggerer", "--skip-serve-logs", **env)
        self._start(processes, "dag-processor", "dag-processor", **env)
        self._login()

        def parsed() -> bool:
            for error in self._api.import_errors():
                if moment(error["timestamp"]) >= since:
                    raise RuntimeError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
            found = self._api.dags().get(dag_id(way, project))
            return found is not None and moment(found["last_parsed_time"]) >= since

        processes.wait_until("dag-processor", parsed, PARSE_SECONDS)
        self._api.unpause([dag_id(way, project)])

    def run(self, processes: Processes, way: Way, project: Project) -> DagRun:
        """Run the DAG once, from its start to its end. Raises RuntimeError when a task did not succeed at its
        first try."""
        name = dag_id(way, project)
        run = self._api.trigger(name, {SELECT: way.select} if way.select else None)
        began = time.monotonic()
        while True:
            processes.check()
            [found] = [r for r in self._api.runs([name]) if r["dag_run_id"] == run]
            if found["state"] in ("success", "failed"):
                break
            if time.monotonic() - began > RUN_SECONDS:
                raise RuntimeError(f"{way.name} on {project.name} did not end within {RUN_SECONDS} seconds.")
            time.sleep(POLL_SECONDS)
        tasks = self._api.task_instances([run])
        expected = ("success", "skipped") if way.select else ("success",)
        wrong = [t for t in tasks if t["state"] not in expected or _again(t, way)]
        if wrong:
            seen = ", ".join(f"{t['task_id']} {t['state']} (try {t['try_number']})" for t in wrong[:5])
            raise RuntimeError(f"{way.name} on {project.name}: {len(wrong)} tasks went wrong: {seen}")
        ran = [float(task["duration"]) for task in tasks if task["duration"] and task["state"] == "success"]
        wall = (moment(found["end_date"]) - moment(found["start_date"])).total_seconds()
        return DagRun(wall, len(ran), sum(ran) / len(ran))

    def task_processes(self) -> list[psutil.Process]:
        """The processes of tasks: all that the scheduler started, and warm workers."""
        content = RunFile(TRANSFORM_HOME / "run.json").read()
        schedulers = [find(e) for e in content.get("processes", ()) if e["name"] == "scheduler"]
        found = []
        for scheduler in schedulers:
            if scheduler is not None:
                found += scheduler.children(recursive=True)
        found += [p for p in psutil.process_iter(["cmdline"]) if MODULE in (p.info["cmdline"] or ())]
        return list(dict.fromkeys(found))

    def _login(self) -> None:
        # The token of a run that lasts may have expired.
        self._api.login(USER, self._keys.ui_password)

    def _start(self, processes: Processes, process: str, *arguments: str, **env: str) -> None:
        command = [sys.executable, "-m", "airflow", *arguments]
        processes.start(process, command, {**self.env, **env}, settings.PROJECT_ROOT)


def _again(task: dict[str, Any], way: Way) -> bool:
    """True for a task that was tried again. Cosmos's sensors are, by Airflow's count, when they defer."""
    return int(task["try_number"]) > 1 and not way.cosmos_alone


def dag_id(way: Way, project: Project) -> str:
    """The id of a DAG: one a way and project, so that none is taken for another's."""
    letters = "".join(letter if letter.isalnum() else "_" for letter in f"{way.name}__{project.name}")
    return letters.lower()


@contextmanager
def airflow() -> Iterator[Airflow]:
    """A running Airflow without a scheduler, stopped at the end."""
    with postgres(TRANSFORM_HOME) as server:
        server.execute("DROP DATABASE IF EXISTS airflow")
        server.execute("CREATE DATABASE airflow")
        uri = server.dsn.removesuffix("postgres") + "airflow"
        metadata = uri.replace("postgresql://", "postgresql+psycopg2://", 1)
        made = Airflow(metadata, Warehouse(TRANSFORM_HOME / "data"))
        try:
            made.start()
            yield made
        finally:
            made.stop()
