"""The real demo on Celery by its command, in a folder of its own. One of its workers is killed in mid-run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from include.headrace.airflow_api import AirflowApi
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.processes import RunFile
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform import TRANSFORM
from tests.support.snowflake import start_local_snowflake

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

DEMO_SECONDS = 900
"""A demo that hangs ends its test; this bounds no speed."""

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test runs the whole demo, beside whatever else runs."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(DEMO_SECONDS + 300))


@dataclass(frozen=True)
class CeleryDemo:
    """One finished demo: its folder, exit status, what it printed, the worker that was killed, and the ids
    of the transform's tasks that it was running."""

    folder: Path
    returncode: int
    output: str
    killed: str
    lost: frozenset[str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryDemo]:
    folder = tmp_path_factory.mktemp("celery")
    printed = folder / "printed"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "include.headrace", "demo", "--executor", "celery"],
            cwd=PROJECT_ROOT,
            env={**os.environ, "HEADRACE_LOCAL_DIR": str(folder)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        killed, lost = _kill_a_worker_that_builds(folder, process)
        process.wait(DEMO_SECONDS)
    finally:
        process.terminate()
        process.wait()
    yield CeleryDemo(folder, process.returncode, printed.read_text(), killed, lost)


@pytest.fixture(scope="session")
def metadata(demo: CeleryDemo) -> Iterator[PostgresServer]:
    """The server with Airflow's metadata, as the demo left it."""
    server = PostgresServer(demo.folder / "postgres").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def demo_warehouse(demo: CeleryDemo) -> Iterator[SnowflakeConnection]:
    """The local Snowflake, as the demo left it."""
    server = start_local_snowflake(demo.folder / "snowflake")
    yield server.connect()
    server.stop()


def _kill_a_worker_that_builds(folder: Path, demo: subprocess.Popen[bytes]) -> tuple[str, frozenset[str]]:
    """Wait until a worker builds a model, and kill it with all its processes, as the death of its machine
    would. The name of the worker, and the ids of the tasks that died with it."""
    run_file, api = RunFile(folder / "run.json"), None
    while demo.poll() is None:
        time.sleep(0.3)
        content = run_file.read()
        if "airflow" not in content:
            continue
        if api is None:
            api = AirflowApi(content["airflow"]["url"], direct=True)
            api.login(content["airflow"]["user"], content["airflow"]["password"])
        for name in sorted({task["hostname"] for task in _running(api) if _builds(task)}):
            leader = next(entry["pid"] for entry in content["processes"] if entry["name"] == name)
            frozen = _freeze(leader)
            # What runs now can no longer end.
            lost = [task for task in _running(api) if task["hostname"] == name]
            doomed = any(map(_builds, lost))
            for process in frozen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill() if doomed else process.resume()
            if doomed:
                api.close()
                return name, frozenset(task["task_id"] for task in lost)
    raise AssertionError("The demo ended before a worker was seen to build a model.\n" + _end_of(folder))


def _running(api: AirflowApi) -> list[dict[str, Any]]:
    runs = [run["dag_run_id"] for run in api.runs([TRANSFORM], states=["running"])]
    tasks = api.task_instances(runs) if runs else []
    return [task for task in tasks if task["state"] == "running" and task["dag_id"] == TRANSFORM]


def _builds(task: dict[str, Any]) -> bool:
    return str(task["task_id"]).endswith(".run")


def _freeze(leader: int) -> set[psutil.Process]:
    """Suspend all processes of a session, those too that are forked meanwhile."""
    frozen: set[psutil.Process] = set()
    while new := _session(leader) - frozen:
        for process in new:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        frozen |= new
    return frozen


def _session(leader: int) -> set[psutil.Process]:
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) == leader:
                found.add(process)
    return found


def _end_of(folder: Path) -> str:
    return (folder / "printed").read_text()[-4000:]
