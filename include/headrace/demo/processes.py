"""Processes of a local run: each with a log and a process group of its own, all written down in run.json.

A run that was killed cannot stop what it started. The next run, or ``make down``, finds those processes
by their id and start time in run.json, so that no other program that got the same id is ever touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from include.headrace.demo.private_file import owner_only
from include.headrace.errors import HeadraceError

STOP_SECONDS = 15
LOG_LINES = 20
LIVED_SECONDS = 30
"""What dies sooner would die again, were it started again."""
MARK = "HEADRACE_RUN"
"""Environment variable that every process of a run carries; its value is in run.json."""


class StartError(HeadraceError):
    """A part of the local run did not start or ended by itself; the message ends with its log."""


class BusyError(HeadraceError):
    """Another local run holds this checkout."""


def tail(path: Path, lines: int = LOG_LINES) -> str:
    """The last lines of a log."""
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) or "(an empty log)"


def identity(pid: int) -> dict[str, Any]:
    """What tells a process from a later one of the same id."""
    return {"pid": pid, "started": psutil.Process(pid).create_time()}


def find(entry: Mapping[str, Any]) -> psutil.Process | None:
    """The process that :func:`identity` described, if it still runs."""
    try:
        process = psutil.Process(entry["pid"])
        same = abs(process.create_time() - entry["started"]) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def of_run(run: str) -> list[psutil.Process]:
    """All processes of a run, however far down they were forked: each inherited the run's mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == run:
                found.append(process)
    return found


def kill_session(leader: int) -> None:
    """Kill what is left of the session that a dead process led, as the death of a machine would."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == leader:
                process.kill()


def stop_processes(roots: Sequence[psutil.Process], run: str) -> None:
    """Ask the roots to stop, all at once, wait for them, and kill what is left of the run."""
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            root.terminate()
    _, alive = psutil.wait_procs(list(roots), timeout=STOP_SECONDS)
    left = {*alive, *of_run(run)}
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=STOP_SECONDS)


class RunFile:
    """``.local/run.json``, readable by its owner alone: it holds the passwords of the run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """What a run wrote down; empty when there is none."""
        try:
            content: dict[str, Any] = json.loads(self.path.read_text())
            return content
        except FileNotFoundError:
            return {}

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the file in one step."""
        owner_only(self.path, json.dumps(content, indent=1))

    def stop_leftovers(self) -> list[str]:
        """Stop what an earlier run left running, and forget it. Returns the names of what was stopped."""
        content = self.read()
        if not content:
            return []
        found = [(entry["name"], process) for entry in content["processes"] if (process := find(entry))]
        stop_processes([process for _, process in found], content["run"])
        self.path.unlink(missing_ok=True)
        return [name for name, _ in found]


@contextlib.contextmanager
def run_lock(path: Path, wait_seconds: float = 0) -> Iterator[None]:
    """Hold a checkout's local state alone. The lock goes with its holder, however that ends.

    Raises BusyError when another still holds it after ``wait_seconds``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + wait_seconds
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise BusyError(
                        "Another `make demo`, `make up` or `make sql` of this checkout is running; "
                        "let it end, or stop it with `make down`."
                    ) from None
                time.sleep(0.2)
        yield


@dataclass(frozen=True)
class Started:
    """How a process was started, and when by the clock of time.monotonic()."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    moment: float


def silent(message: str) -> None:
    """Tells nobody."""


class Processes:
    """Starts processes, watches that they live, and stops them all.

    ``say`` is told which one was started again.
    """

    def __init__(self, run_file: RunFile, logs: Path, say: Callable[[str], None] = silent) -> None:
        self._run_file = run_file
        self._logs = logs
        self._say = say
        self._again: dict[str, Started] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._facts: dict[str, Any] = {}
        self._run = secrets.token_hex(8)

    def log_of(self, name: str) -> Path:
        """Where a process writes."""
        return self._logs / f"{name}.log"

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path, *, again: bool = False
    ) -> None:
        """Start a command as its own session; what it prints goes to its log.

        With ``again`` it may die: :meth:`check` then starts it again, as a cluster does with its workers.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        if again:
            self._again[name] = Started(tuple(command), env, cwd, time.monotonic())
        with self.log_of(name).open("ab" if name in self._running else "wb") as log:
            self._running[name] = subprocess.Popen(
                list(command),
                # SPT_NOENV: process titles are else written over the environment, and the mark is lost.
                env={**env, MARK: self._run, "SPT_NOENV": "1"},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._save()

    def note(self, **facts: Any) -> None:
        """Add facts to run.json for other commands: addresses and logins."""
        self._facts.update(facts)
        self._save()

    def check(self) -> None:
        """Raise StartError when a process ended by itself, but start again what may die.

        What dies within LIVED_SECONDS of its start is not started again.
        """
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                started = self._again.get(name)
                if started is not None and time.monotonic() - started.moment >= LIVED_SECONDS:
                    kill_session(process.pid)
                    self.start(name, started.command, started.env, started.cwd, again=True)
                    self._say(f"{name} ended with code {process.returncode} and was started again")
                    continue
                raise StartError(
                    f"{name} ended with code {process.returncode}. The end of {self.log_of(name)}:\n"
                    f"{tail(self.log_of(name))}"
                )

    def wait_until(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until ``ready``. Raises StartError when a process ends first, or after ``seconds``."""
        until = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > until:
                raise StartError(
                    f"{name} did not answer within {seconds:.0f} seconds. The end of {self.log_of(name)}:\n"
                    f"{tail(self.log_of(name))}"
                )
            time.sleep(0.2)

    def finish(self, name: str, seconds: float) -> None:
        """Wait for a process that ends by itself. Raises StartError when it fails or takes too long."""
        process = self._running[name]
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            raise StartError(
                f"{name} {'took too long' if code is None else f'failed with code {code}'}. "
                f"The end of {self.log_of(name)}:\n{tail(self.log_of(name))}"
            )
        del self._running[name]
        self._save()

    def stop(self) -> None:
        """Stop everything that was started here, descendants too, and remove run.json."""
        roots = []
        for process in self._running.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                roots.append(psutil.Process(process.pid))
        stop_processes(roots, self._run)
        for process in self._running.values():
            process.wait()
        self._running.clear()
        self._run_file.path.unlink(missing_ok=True)

    def _save(self) -> None:
        entries = []
        for name, process in self._running.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                entries.append({"name": name, **identity(process.pid)})
        supervisor = identity(os.getpid())
        self._run_file.write(
            {"run": self._run, "supervisor": supervisor, **self._facts, "processes": entries}
        )
