from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from include.headrace.demo.processes import (
    MARK,
    BusyError,
    Processes,
    RunFile,
    StartError,
    identity,
    run_lock,
)
from include.headrace.settings import PROJECT_ROOT

SLEEP = "import time; time.sleep(300)"
FAMILY = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
time.sleep(300)
"""
"""A process with two children, one of which leaves its session as Airflow's tasks do."""

SUPERVISOR = """
import os, sys, time
from pathlib import Path
from include.headrace.demo.platform import stopped_by_signals
from include.headrace.demo.processes import Processes, RunFile, run_lock

folder, program = Path(sys.argv[1]), sys.argv[2]
with stopped_by_signals(), run_lock(folder / "run.lock"):
    processes = Processes(RunFile(folder / "run.json"), folder)
    try:
        processes.start("family", [sys.executable, "-c", program], os.environ, folder)
        print("started", flush=True)
        time.sleep(300)
    finally:
        processes.stop()
"""

Supervise = Callable[[], subprocess.Popen[str]]


def eventually(truth: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not truth() and time.monotonic() < until:
        time.sleep(0.05)
    return truth()


def family(run: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == run and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def run_of(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text())["run"])


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(RunFile(tmp_path / "run.json"), tmp_path)
    yield processes
    processes.stop()


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Start a supervisor of one family of three processes, and wait until all of them run."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        supervisor = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(tmp_path), FAMILY],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(supervisor)
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "started\n"
        assert eventually(lambda: len(family(run_of(tmp_path))) == 3)
        return supervisor

    yield start
    for supervisor in started:
        supervisor.kill()
        supervisor.communicate()
    RunFile(tmp_path / "run.json").stop_leftovers()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_supervisor_stops_what_it_started_and_their_children(
    supervise: Supervise, tmp_path: Path, number: int
) -> None:
    supervisor = supervise()
    run = run_of(tmp_path)
    supervisor.send_signal(number)
    assert supervisor.wait(30) != 0
    assert family(run) == []
    assert not (tmp_path / "run.json").exists()


def test_the_next_run_stops_what_a_killed_supervisor_left(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise()
    run = run_of(tmp_path)
    supervisor.kill()
    supervisor.wait()
    assert len(family(run)) == 3
    assert RunFile(tmp_path / "run.json").stop_leftovers() == ["family"]
    assert family(run) == []
    assert RunFile(tmp_path / "run.json").stop_leftovers() == []


def test_a_program_that_got_the_id_of_a_dead_process_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as stranger:
        entry = {"name": "api-server", "pid": stranger.pid, "started": 1.0}
        file = RunFile(tmp_path / "run.json")
        file.write({"run": "none", "supervisor": identity(os.getpid()), "processes": [entry]})
        assert file.stop_leftovers() == []
        assert stranger.poll() is None
        stranger.kill()


def test_one_run_at_a_time_and_a_killed_one_frees_the_checkout(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise()
    with pytest.raises(BusyError, match="make down"), run_lock(tmp_path / "run.lock"):
        pass
    supervisor.kill()
    supervisor.wait()
    with run_lock(tmp_path / "run.lock"):
        pass


def test_a_process_that_ends_by_itself_is_reported_with_its_log(processes: Processes, tmp_path: Path) -> None:
    processes.start("fine", [sys.executable, "-c", SLEEP], os.environ, tmp_path)
    program = "print('first', flush=True); raise SystemExit('no such database')"
    processes.start("broken", [sys.executable, "-c", program], os.environ, tmp_path)
    with pytest.raises(StartError, match=r"(?s)broken ended with code 1.*first.*no such database"):
        processes.wait_until("fine", lambda: False, 20)


def test_a_process_that_never_answers_is_reported_by_name(processes: Processes, tmp_path: Path) -> None:
    processes.start("slow", [sys.executable, "-c", SLEEP], os.environ, tmp_path)
    with pytest.raises(StartError, match="slow did not answer within 0 seconds"):
        processes.wait_until("slow", lambda: False, 0.1)


def test_a_step_that_fails_is_reported_and_one_that_succeeds_is_forgotten(
    processes: Processes, tmp_path: Path
) -> None:
    processes.start("good", [sys.executable, "-c", ""], os.environ, tmp_path)
    processes.finish("good", 30)
    processes.check()
    processes.start("bad", [sys.executable, "-c", "raise SystemExit(3)"], os.environ, tmp_path)
    with pytest.raises(StartError, match="bad failed with code 3"):
        processes.finish("bad", 30)


def test_a_process_that_ignores_the_request_to_stop_is_killed(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.headrace.demo.processes.STOP_SECONDS", 0.5)
    program = (
        f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
    )
    processes.start("deaf", [sys.executable, "-c", program], os.environ, tmp_path)
    run = run_of(tmp_path)
    assert eventually(lambda: "deaf" in processes.log_of("deaf").read_text())
    processes.stop()
    assert family(run) == []


def test_the_run_s_passwords_are_for_their_owner_alone(processes: Processes, tmp_path: Path) -> None:
    processes.note(snowflake={"password": "x"})
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
    assert RunFile(tmp_path / "run.json").read()["snowflake"] == {"password": "x"}


def test_what_may_die_is_started_again_without_what_it_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.headrace.demo.processes.LIVED_SECONDS", 0)
    said: list[str] = []
    processes = Processes(RunFile(tmp_path / "run.json"), tmp_path, said.append)
    try:
        child = f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}])"
        program = f"import subprocess, sys; print('begun', flush=True); {child}; {SLEEP}"
        processes.start("worker", [sys.executable, "-c", program], os.environ, tmp_path, again=True)
        run = run_of(tmp_path)
        assert eventually(lambda: len(family(run)) == 2)
        first = json.loads((tmp_path / "run.json").read_text())["processes"][0]["pid"]
        left = psutil.Process(first).children()
        psutil.Process(first).kill()
        assert eventually(lambda: psutil.Process(first).status() == psutil.STATUS_ZOMBIE)
        processes.check()
        assert said == ["worker ended with code -9 and was started again"]
        assert eventually(lambda: len(family(run)) == 2 and not any(one.is_running() for one in left))
        assert eventually(lambda: processes.log_of("worker").read_text() == "begun\n" * 2)
    finally:
        processes.stop()
    assert family(run) == []


def test_what_dies_at_its_start_is_not_started_again(processes: Processes, tmp_path: Path) -> None:
    program = "raise SystemExit('no broker')"
    processes.start("worker", [sys.executable, "-c", program], os.environ, tmp_path, again=True)
    with pytest.raises(StartError, match=r"(?s)worker ended with code 1.*no broker"):
        processes.wait_until("worker", lambda: False, 20)
