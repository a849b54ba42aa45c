"""``make run``: one run of a DAG in the Airflow of a running ``make up``, to its end, and what it did."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from pathlib import Path
from typing import Any, TextIO

from include.headrace import settings
from include.headrace.airflow_api import AirflowApi
from include.headrace.demo.account import connect
from include.headrace.demo.job import DemoError, RunFailed, Say, failure, ingestion_dags, moment, our_dags
from include.headrace.demo.platform import PARSE_SECONDS, run_file
from include.headrace.demo.processes import find
from include.headrace.demo.query import write_table
from include.headrace.errors import ConfigError, HeadraceError
from include.headrace.names import quote
from include.headrace.pools import pool_slots
from include.headrace.transform import OPS, SELECT, TRANSFORM

POLL_SECONDS = 1.0
RETRY_LOG_LINES = 5
LOADED = """
SELECT SOURCE || '.' || TABLE_NAME AS "table", ROWS_EXTRACTED AS "extracted", ROWS_QUARANTINED AS "set aside",
       ROWS_DISCARDED AS "discarded", ROWS_INSERTED AS "inserted", ROWS_UPDATED AS "updated",
       ROWS_DELETED AS "deleted"
FROM {loads} WHERE RUN_ID = %s AND DAG_ID = %s ORDER BY 1
"""

FILES = {
    TRANSFORM: "transform.py",
    OPS: "transform.py",
    settings.SWEEP: "sweep.py",
    settings.DBT_DOCS: "documentation.py",
}
"""The DAG files beside that of the ingestion DAGs."""

ENDINGS = {"success": "tasks succeeded", "skipped": "skipped", "removed": "removed"}
"""How the tasks of a run that went well can have ended."""


class NotRunningError(HeadraceError):
    """No ``make up`` of this checkout runs."""


def run_dag(dag_id: str, select: str, say: Say, output: TextIO) -> None:
    """Run a DAG as the files of the checkout now are, wait for its end, and write what it did to ``output``.

    ``select`` names a part of the dbt project (:mod:`include.headrace.transform.selecting`); empty, all
    of it. Ctrl-C stops the waiting, not the run. Raises ConfigError for a DAG that is not the
    project's, NotRunningError without a running platform, DemoError for a file that cannot be
    imported, RunFailed with the end of a failed task's log.
    """
    if dag_id not in our_dags():
        raise ConfigError(f"There is no DAG {dag_id!r}; the project has {', '.join(our_dags())}.")
    if select and dag_id not in (TRANSFORM, OPS):
        raise ConfigError(f"Only {TRANSFORM} and {OPS} take a selection; {dag_id} runs whole.")
    content = run_file().read()
    if not content.get("airflow") or not find(content["supervisor"]):
        raise NotRunningError("Nothing is running that could run a DAG; start `make up` in another terminal.")
    pools = pool_slots()
    api = AirflowApi(content["airflow"]["url"], direct=True)
    try:
        api.login(content["airflow"]["user"], content["airflow"]["password"])
        wait_for_current(api, dag_id)
        api.set_pools(pools, "Headrace")
        api.unpause([dag_id])
        run_id = api.trigger(dag_id, {SELECT: select} if select else {})
        say(f"{dag_id} started; watch it at {api.url}/dags/{dag_id}")
        tasks = wait_for_end(api, dag_id, run_id, say)
        states = Counter(str(task["state"]) for task in tasks)
    finally:
        api.close()
    if dag_id in ingestion_dags():
        write_loads(content["snowflake"], dag_id, run_id, output)
    counts = ", ".join(f"{states[state]} {said}" for state, said in ENDINGS.items() if states[state])
    print(f"{dag_id}: {counts}", file=output)


def wait_for_current(api: AirflowApi, dag_id: str) -> None:
    """Have the DAG's file parsed, and wait until Airflow knows the DAG as it is now.

    Raises DemoError with what went wrong when the file cannot be imported, or takes too long.
    """
    since = datetime.now(UTC)
    file = FILES.get(dag_id, "ingest.py")
    siblings = [dag for dag in api.dags().values() if Path(dag["fileloc"]).name == file]
    if siblings:
        api.parse_again(siblings[0])
    failed: set[str] = set()
    until = time.monotonic() + PARSE_SECONDS
    while time.monotonic() < until:
        for error in api.import_errors():
            if Path(error["filename"]).name == file and moment(error["timestamp"]) >= since:
                failed.add(error["timestamp"])
                # The first may be of a parsing that began before the last change.
                if len(failed) > 1:
                    raise DemoError(f"dags/{file} cannot be imported:\n{last_error(error['stack_trace'])}")
        if (dag := api.dags().get(dag_id)) is not None and began(dag) >= since:
            return
        time.sleep(POLL_SECONDS / 2)
    raise DemoError(f"Airflow does not know {dag_id} after {PARSE_SECONDS} seconds; see .local/logs.")


def began(dag: Mapping[str, Any]) -> datetime:
    """When the parsing began that last found a DAG; what was written before that is in it."""
    return moment(dag["last_parsed_time"]) - timedelta(seconds=dag["last_parse_duration"] or 0)


def last_error(trace: str) -> str:
    """The error at the end of a stack trace, with all its lines: what whoever wrote the file needs of it."""
    lines = trace.strip().splitlines()
    last_frame = max((i for i, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    return "\n".join(dropwhile(lambda line: line.startswith("    "), lines[last_frame + 1 :]))


def wait_for_end(api: AirflowApi, dag_id: str, run_id: str, say: Say) -> list[dict[str, Any]]:
    """Wait for the end of a run, and say which tasks are tried again; its task instances.

    Raises RunFailed when the run failed.
    """
    told: set[tuple[str, int]] = set()
    while True:
        state = next(run["state"] for run in api.runs([dag_id]) if run["dag_run_id"] == run_id)
        tasks = [task for task in api.task_instances([run_id]) if task["dag_id"] == dag_id]
        if state == "success":
            return tasks
        if state == "failed":
            raise RunFailed(failure(api, tasks))
        for task in tasks:
            attempt = (task["task_id"], task["try_number"])
            if task["state"] == "up_for_retry" and attempt not in told:
                told.add(attempt)
                say(f"{task['task_id']} failed and is tried again. The end of its log:")
                say("\n".join(api.log(task)[-RETRY_LOG_LINES:]))
        time.sleep(POLL_SECONDS)


def write_loads(login: Mapping[str, Any], dag_id: str, run_id: str, output: TextIO) -> None:
    """Write a row a table that a run loaded, from the ledger."""
    loads = quote(settings.raw_database(), settings.LEDGER_SCHEMA, "LOADS")
    with connect(dict(login)) as connection, connection.cursor() as cursor:
        cursor.execute(LOADED.format(loads=loads), (run_id, dag_id))
        write_table([column.name for column in cursor.description], list(cursor.fetchall()), output)
