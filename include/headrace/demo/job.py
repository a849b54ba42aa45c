"""The main job on one machine: start everything, load every source, build the marts, show the result."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from include.headrace import settings
from include.headrace.airflow_api import AirflowApi
from include.headrace.config import source_names
from include.headrace.demo.account import connect
from include.headrace.demo.platform import PARSE_SECONDS, Platform, running_platform
from include.headrace.demo.progress import Progress, count, showing
from include.headrace.demo.server_process import USER
from include.headrace.demo.summary import print_summary
from include.headrace.errors import ConfigError, HeadraceError
from include.headrace.pools import pool_slots
from include.headrace.transform import OPS, TRANSFORM, WARNING_XCOM

FOLLOWERS = (TRANSFORM, OPS)
"""The DAGs that assets start, in their order."""
ASSET_SECONDS = 120
"""How long each may take to start after the last asset that it waits for."""
POLL_SECONDS = 1.5
POLL_SHARE = 0.1
"""The share of the time to spend asking: Airflow answers on the cores that the tasks need."""
POLL_SECONDS_AT_MOST = 5
LOG_LINES = 30
FINAL = ("success", "failed")

Say = Callable[[str], None]


class DemoError(HeadraceError):
    """The main job did not get to its end."""


class RunFailed(DemoError):
    """A run failed; the message names the task and ends with the last lines of its log."""


def ingestion_dags() -> list[str]:
    """The ids of the ingestion DAGs, one a file of ``include/sources``."""
    return [f"ingest__{name}" for name in source_names()]


def our_dags() -> list[str]:
    """The ids of all DAGs of the project."""
    return [*ingestion_dags(), TRANSFORM, OPS, settings.SWEEP, settings.DBT_DOCS]


def run_demo(executor: str, say: Say) -> int:
    """Run the main job to its end and print the summary on stdout. Returns 0.

    ``executor`` is one of :data:`include.headrace.demo.workers.EXECUTORS`.
    Raises RunFailed when a task failed, another HeadraceError when something did not start.
    """
    began = time.monotonic()
    with running_platform(executor=executor, schedules=False, say=say) as platform:
        api = platform.api
        wait_for_dags(platform, platform.processors_started)
        clear_earlier_runs(platform)
        ready = time.monotonic() - began
        say(f"Airflow is ready after {ready:.0f} seconds; loading {', '.join(source_names())}")
        with showing() as progress:
            runs = run_everything(platform, progress)
        with connect(platform.snowflake.login) as connection:
            ids = list(runs.values())
            warned = api.tasks_with_xcom(TRANSFORM, runs[TRANSFORM], WARNING_XCOM)
            print_summary(connection, api.task_instances(ids), warned, ids, sys.stdout)
    took = time.monotonic() - began
    print(f'\nAll of it took {took:.0f} seconds. Ask the data: make sql q="select ..."')
    return 0


def stay_up(executor: str, say: Say) -> int:
    """Run everything until Ctrl-C or SIGTERM, time schedules on unless HEADRACE_SCHEDULES is off. Returns 0.

    A new source gets its pool as soon as its file is there. ``executor`` is as for :func:`run_demo`.
    """
    try:
        with running_platform(executor=executor, schedules=True, say=say) as platform:
            wait_for_dags(platform, platform.processors_started)
            say(f"Airflow: {platform.api.url}   user {USER}   password {platform.keys.ui_password}")
            say('The local Snowflake (emulated): make sql q="select ..."   Stop: Ctrl-C or make down')
            sources = states_of_sources()
            while True:
                platform.processes.check()
                if (now := states_of_sources()) != sources:
                    sources = now
                    make_pools(platform, say)
                time.sleep(1)
    except KeyboardInterrupt:
        say("stopped")
    return 0


def states_of_sources() -> dict[str, int]:
    """When each file of ``include/sources`` was last changed, in nanoseconds."""
    states = {}
    for path in settings.SOURCES_DIR.glob("*.yml"):
        # An editor may replace a file at any moment.
        with contextlib.suppress(FileNotFoundError):
            states[path.name] = path.stat().st_mtime_ns
    return states


def make_pools(platform: Platform, say: Say) -> None:
    """Make the pools that the sources now need; tell what is wrong with a source's file instead."""
    try:
        slots = pool_slots()
    except ConfigError as error:
        say(f"error: {error}")
        return
    # The token of a run that lasts may have expired.
    platform.api.login(USER, platform.keys.ui_password)
    platform.api.set_pools(slots, "Headrace")


def wait_for_dags(platform: Platform, since: datetime) -> None:
    """Wait until Airflow has parsed every DAG of ours after the moment ``since``.

    Raises DemoError with the stack trace when a file of ``dags`` cannot be imported.
    """
    api = platform.api

    def parsed() -> bool:
        for error in api.import_errors():
            if moment(error["timestamp"]) >= since:
                raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace'].strip()}")
        known = api.dags()
        return all(
            dag_id in known and moment(known[dag_id]["last_parsed_time"]) >= since for dag_id in our_dags()
        )

    platform.processes.wait_until("dag-processor", parsed, PARSE_SECONDS)


def clear_earlier_runs(platform: Platform) -> None:
    """Give up what a killed demo left unfinished: open runs would hold up ours, and assets already queued
    would start the transform before all our sources are loaded.

    Airflow counts a DAG's open runs when its file is parsed, and starts none while the count is at its
    limit; so a DAG whose run was given up is parsed again.
    """
    api = platform.api
    left = api.runs(our_dags(), states=["queued", "running"])
    for run in left:
        api.fail_run(run["dag_id"], run["dag_run_id"])
    api.forget_queued_assets(TRANSFORM)
    api.unpause(our_dags())
    if left:
        now, known = datetime.now(UTC), api.dags()
        for dag in {known[dag_id]["fileloc"]: known[dag_id] for dag_id in our_dags()}.values():
            api.parse_again(dag)
        wait_for_dags(platform, now)


def run_everything(platform: Platform, progress: Progress) -> dict[str, str]:
    """Start every ingestion DAG, wait for the transform that their assets start, for the DAG that its last
    task starts, and for the end of all.

    Returns the ids of the runs by DAG. Raises RunFailed as soon as a run has failed and the others have
    ended.
    """
    api, since = platform.api, datetime.now(UTC)
    runs = {dag_id: api.trigger(dag_id) for dag_id in ingestion_dags()}
    waiting_for, last_asset = "", 0.0
    while True:
        platform.processes.check()
        asked = time.monotonic()
        found = api.runs([*ingestion_dags(), *FOLLOWERS], run_after_gte=since.isoformat())
        for run in found:
            if run["dag_id"] in FOLLOWERS:
                runs.setdefault(run["dag_id"], run["dag_run_id"])
        states = {
            run["dag_id"]: run["state"] for run in found if runs.get(run["dag_id"]) == run["dag_run_id"]
        }
        tasks = api.task_instances(list(runs.values()))
        answered = time.monotonic()
        progress.update(count(tasks))
        if all(states.get(dag_id) in FINAL for dag_id in runs):
            if "failed" in states.values():
                raise RunFailed(failure(api, tasks))
            due = next((dag_id for dag_id in FOLLOWERS if dag_id not in runs), None)
            if due is None:
                return runs
            if due != waiting_for:
                waiting_for, last_asset = due, time.monotonic()
            if time.monotonic() - last_asset > ASSET_SECONDS:
                raise DemoError(f"All that the DAG {due} waits for is loaded, and it did not start.")
        time.sleep(min(max(POLL_SECONDS, (answered - asked) / POLL_SHARE), POLL_SECONDS_AT_MOST))


def failure(api: AirflowApi, tasks: Sequence[dict[str, Any]]) -> str:
    """Which tasks failed, and the last lines of the log of the one that failed first."""
    failed = [task for task in tasks if task["state"] == "failed"]
    if not failed:
        return "A run failed without a failed task; see .local/logs/scheduler.log."
    first = min(failed, key=lambda task: str(task["end_date"]))
    names = [f"{task['dag_id']} {task['task_id']}" for task in failed if task is not first]
    lines = [f"{first['dag_id']} {first['task_id']} failed. The end of its log:"]
    lines += api.log(first)[-LOG_LINES:]
    if names:
        lines.append(f"Failed too: {', '.join(names)}")
    return "\n".join(lines)


def moment(text: str | None) -> datetime:
    """A time of Airflow's API; the beginning of time for one that is not set."""
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
