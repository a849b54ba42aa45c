"""A small Airflow of a test: the components of the demo, on other DAGs, another project and one source."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from include.headrace.airflow_api import AirflowApi
from include.headrace.demo.environment import (
    airflow_environment,
    base_environment,
    load_secrets,
    snowflake_connection,
)
from include.headrace.demo.platform import METADATA_DATABASE, MIGRATE_SECONDS, START_SECONDS
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.processes import Processes, RunFile
from include.headrace.demo.server_process import HOST, USER, free_port
from include.headrace.pools import DBT_POOL, DBT_SLOTS, source_pool
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform.warm_pool import MODULE
from tests.support.snowflake import LocalSnowflake
from tests.transform.warm import until

HERE = Path(__file__).parent
DAGS = ("till_forked", "till_warm", "ingest__till", "after_till")
BAKE = "import sys; from pathlib import Path; from include.headrace.transform.manifest import bake; "
BAKE += "bake('local', Path(sys.argv[1]))"
FINAL = ("success", "failed")


class SmallPlatform:
    """Airflow's api-server, scheduler with the LocalExecutor and DAG processor, on PostgreSQL.

    ``home`` is an empty folder, ``project`` a dbt project. The PostgreSQL server holds the metadata and,
    in the database ``postgres``, the source.
    """

    def __init__(self, home: Path, project: Path, snowflake: LocalSnowflake) -> None:
        self.snowflake = snowflake
        self.postgres = PostgresServer(home / "postgres")
        self.api = AirflowApi(f"http://{HOST}:{free_port()}", direct=True)
        self._home = home / "airflow"
        self._project = project
        self._processes = Processes(RunFile(home / "run.json"), home / "logs")

    def start(self, source: str) -> None:
        """Start everything, the source filled by a script; returns once Airflow knows each DAG.

        Raises StartError when a part does not start.
        """
        self._home.mkdir()
        self.postgres.start()
        self.postgres.execute(source)
        self.postgres.execute(f"CREATE DATABASE {METADATA_DATABASE}")
        env = self._environment()
        self._start("airflow-migrate", env, "airflow", "db", "migrate")
        bake = [sys.executable, "-c", BAKE, str(self._project)]
        self._processes.start("dbt-parse", bake, env, PROJECT_ROOT)
        self._processes.finish("airflow-migrate", MIGRATE_SECONDS)
        port = self.api.url.rpartition(":")[2]
        self._start("api-server", env, "airflow", "api-server", "--host", HOST, "--port", port)
        # The scheduler holds the manifest that was made.
        self._processes.finish("dbt-parse", MIGRATE_SECONDS)
        self._start("scheduler", env, "airflow", "scheduler", "--skip-serve-logs")
        self._processes.wait_until("api-server", self.api.answers, START_SECONDS)
        self.api.login(USER, load_secrets(self._home / "secrets.json").ui_password)
        self.api.set_pools({DBT_POOL: DBT_SLOTS, source_pool("till"): 4}, "Tests")
        self._start("dag-processor", env, "airflow", "dag-processor")
        self._processes.wait_until("dag-processor", self._knows_the_dags, START_SECONDS)

    def stop(self) -> None:
        """Stop everything that runs, warm workers too."""
        self.api.close()
        self._processes.stop()
        for process in psutil.process_iter(["cmdline"]):
            if MODULE in (process.info["cmdline"] or ()) and self._is_own(process):
                process.kill()
        self.postgres.stop()

    def trigger(self, dag_id: str, select: str) -> Run:
        """Start a run of a part of the project."""
        return Run(self, dag_id, self.api.trigger(dag_id, {"select": select}))

    def backfill(self, dag_id: str, day: str) -> Run:
        """Backfill a day, ``YYYY-MM-DD``, whether it was run before or not; its run."""
        moment = f"{day}T00:00:00Z"
        body = {"dag_id": dag_id, "from_date": moment, "to_date": moment, "reprocess_behavior": "completed"}
        self.api.call("POST", "/api/v2/backfills", body)
        [run] = self.api.runs([dag_id], logical_date_gte=moment, logical_date_lte=moment)
        return Run(self, dag_id, run["dag_run_id"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the local Snowflake answers."""
        with self.snowflake.connect() as connection:
            cursor = connection.cursor().execute(query)
            assert cursor is not None
            return [tuple(row) for row in cursor.fetchall()]

    def run_sql(self, *statements: str) -> None:
        """Have the local Snowflake run statements."""
        with self.snowflake.connect() as connection:
            for statement in statements:
                connection.cursor().execute(statement)

    def until(self, true: Callable[[], bool], else_say: str) -> None:
        """Wait for something while all components live."""

        def seen() -> bool:
            self._processes.check()
            return true()

        until(seen, else_say)

    def _environment(self) -> dict[str, str]:
        uri = self.postgres.dsn.removesuffix("postgres") + METADATA_DATABASE
        metadata = uri.replace("postgresql://", "postgresql+psycopg2://", 1)
        keys = load_secrets(self._home / "secrets.json")
        port = int(self.api.url.rpartition(":")[2])
        return {
            **base_environment(os.environ),
            **airflow_environment(self._home, port, metadata, keys, schedules=True),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW_CONN_SNOWFLAKE_DEFAULT": snowflake_connection(
                self.snowflake.port, secrets.token_urlsafe(9)
            ),
            "AIRFLOW_CONN_TILL_POSTGRES": self.postgres.connection_json(),
            "HEADRACE_LOCAL_DIR": str(self._home.parent),
            "TILL_PROJECT": str(self._project),
            "TILL_SOURCES": str(HERE / "sources"),
        }

    def _start(self, name: str, env: Mapping[str, str], *command: str) -> None:
        self._processes.start(name, [sys.executable, "-m", *command], env, PROJECT_ROOT)

    def _knows_the_dags(self) -> bool:
        errors = self.api.import_errors()
        assert not errors, errors
        return set(DAGS) <= self.api.dags().keys()

    def _is_own(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("AIRFLOW_HOME") == str(self._home)
        except psutil.Error:
            return False


class Run:
    """A run of a DAG."""

    def __init__(self, platform: SmallPlatform, dag_id: str, run_id: str) -> None:
        self.dag_id = dag_id
        self.run_id = run_id
        self._platform = platform
        self._api = platform.api

    def backfill_is_over(self) -> bool:
        """True once Airflow has seen the end of all backfills of the DAG, and would take another."""
        found = self._api.call("GET", "/api/v2/backfills", dag_id=self.dag_id)["backfills"]
        return all(backfill["completed_at"] for backfill in found)

    def end(self) -> str:
        """Wait for its end; the state."""
        self._platform.until(lambda: self._state() in FINAL, f"{self.run_id} of {self.dag_id} does not end")
        return self._state()

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Its task instances by task id, as the API tells of them."""
        found = self._api.task_instances([self.run_id])
        return {task["task_id"]: task for task in found if task["dag_id"] == self.dag_id}

    def states(self) -> dict[str, str]:
        """The state of each task."""
        return {task_id: str(task["state"]) for task_id, task in self.tasks().items()}

    def tries(self) -> dict[str, int]:
        """The tries of each task."""
        return {task_id: task["try_number"] for task_id, task in self.tasks().items()}

    def group(self, group_id: str) -> list[str]:
        """The ids of a group's tasks, as the UI asks for them to clear the group."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances"
        found = self._api.call("GET", path, task_group_id=group_id)["task_instances"]
        return [task["task_id"] for task in found]

    def clear(self, task_ids: list[str], *, downstream: bool) -> None:
        """Clear tasks as the UI does, and the run with them."""
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": task_ids,
            "only_failed": False,
            "include_downstream": downstream,
        }
        self._api.call("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", body)

    def mark(self, task_id: str, state: str) -> None:
        """Mark a task as ``success`` or ``failed``."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}"
        self._api.call("PATCH", path, {"new_state": state})

    def _state(self) -> str:
        [state] = [run["state"] for run in self._api.runs([self.dag_id]) if run["dag_run_id"] == self.run_id]
        return str(state)
