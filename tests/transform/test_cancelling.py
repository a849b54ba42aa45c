"""A run that is told to stop, or whose client is gone, stops its query in the warehouse too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psutil
import pytest

from include.headrace.errors import PassingError
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform.forked_runner import ForkedRunner
from include.headrace.transform.result import DbtResult
from include.headrace.transform.runner import DbtRunner
from include.headrace.transform.subprocess_runner import SubprocessRunner
from include.headrace.transform.warm_runner import WarmRunner
from tests.support.snowflake import LocalSnowflake
from tests.transform.warm import Endless, alive, until, workers_of

DIES = """
import json, sys
from pathlib import Path
from include.headrace.transform.subprocess_runner import SubprocessRunner
from include.headrace.transform.warm_runner import WarmRunner
args, env, project, work, folder = json.load(sys.stdin)
runner = WarmRunner(Path(folder)) if sys.argv[1] == "warm" else SubprocessRunner()
runner.run(args, env, Path(project), Path(work))
"""


def runner_of(kind: str, workers: Path) -> DbtRunner:
    """A runner of a kind."""
    if kind == "warm":
        return WarmRunner(workers)
    return ForkedRunner() if kind == "forked" else SubprocessRunner()


@pytest.mark.parametrize("kind", ["forked", "warm", "subprocess"])
def test_a_cancelled_run_cancels_its_query_and_leaves_what_was_there(
    kind: str, endless: Endless, workers: Path, snowflake: LocalSnowflake
) -> None:
    runner = runner_of(kind, workers)
    ended: list[DbtResult] = []
    thread = threading.Thread(target=lambda: ended.append(endless.run(runner)), daemon=True)
    thread.start()
    endless.wait_until_it_runs()
    runner.cancel()
    thread.join(120)
    assert [result.success for result in ended] == [False]
    until(lambda: endless.outcomes() == ["000604"], "the query was not cancelled")
    with snowflake.connect() as connection:
        kept = connection.cursor().execute("select TOTAL from SHOP.MARTS.ENDLESS")
        assert kept is not None
        assert kept.fetchall() == [(1,)]
        # Nothing holds the relation.
        connection.cursor().execute("drop table SHOP.MARTS.ENDLESS")


def commands_in(work: Path) -> list[psutil.Process]:
    """The living processes of a command that was given a folder."""
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if str(work) in (process.info["cmdline"] or ())]


class LateError(BaseException):
    """What a task's timeout raises in its main thread, as Airflow's does: no Exception."""


@pytest.mark.parametrize("kind", ["forked", "warm"])
def test_a_run_that_is_cut_short_cancels_its_query(kind: str, endless: Endless, workers: Path) -> None:
    def late(number: int, frame: FrameType | None) -> None:
        raise LateError

    def ring() -> None:
        endless.wait_until_it_runs()
        os.kill(os.getpid(), signal.SIGUSR1)

    cancels = endless.cancels()
    before = signal.signal(signal.SIGUSR1, late)
    try:
        watch = threading.Thread(target=ring)
        watch.start()
        with pytest.raises(LateError):
            endless.run(runner_of(kind, workers))
        watch.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    until(lambda: endless.outcomes() == ["000604"], "the query was not cancelled")
    # The end of dbt's session would cancel it here too; an account may go on with it.
    assert endless.cancels() > cancels


@contextmanager
def killed_while_it_runs(kind: str, endless: Endless, workers: Path) -> Iterator[None]:
    """A process whose runner runs the query meanwhile, and that is killed with -9 after it."""
    command = [sys.executable, "-c", DIES, kind]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE) as task:
        assert task.stdin is not None
        task.stdin.write(endless.request(workers))
        task.stdin.close()
        try:
            endless.wait_until_it_runs()
            yield
        finally:
            task.kill()


def test_a_task_that_is_killed_ends_its_command_and_cancels_its_query(
    endless: Endless, workers: Path
) -> None:
    with killed_while_it_runs("subprocess", endless, workers):
        [work] = endless.works
        begun = commands_in(work)
        assert begun
    until(lambda: endless.outcomes() == ["000604"], "the query was not cancelled")
    until(lambda: not any(alive(process) for process in begun), "dbt did not end")


def test_a_task_that_is_killed_frees_its_worker_and_cancels_its_query(
    endless: Endless, workers: Path
) -> None:
    with killed_while_it_runs("warm", endless, workers):
        [worker] = workers_of(workers)
    until(lambda: endless.outcomes() == ["000604"], "the query was not cancelled")
    assert WarmRunner(workers).run(*endless.other("run-operation", "show")).success
    assert [process.pid for process in workers_of(workers)] == [worker.pid]


def test_a_worker_that_is_killed_fails_its_own_task_alone(endless: Endless, workers: Path) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        with pytest.raises(PassingError) as caught:
            # Without it the query of a dead process runs on, in Snowflake as here.
            endless.run(WarmRunner(workers), ABORT_DETACHED_QUERY="true")
        failed.append(caught.value)

    thread = threading.Thread(target=run)
    thread.start()
    endless.wait_until_it_runs()
    [worker] = workers_of(workers)
    worker.kill()
    thread.join(60)
    assert f"The dbt worker {worker.pid} ended while it ran this task" in str(failed[0])
    assert WarmRunner(workers).run(*endless.other("run-operation", "show")).success
    assert [process.pid for process in workers_of(workers)] != [worker.pid]
    until(lambda: endless.outcomes() == ["000604"], "the query was not cancelled")
