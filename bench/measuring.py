"""One run of a peer: a process of its own in its own environment, timed by itself and watched from here."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import psutil

from bench.environments import Environment
from include.headrace.settings import LOCAL_DIR, PROJECT_ROOT

SAMPLE_SECONDS = 0.05
LIMIT_SECONDS = 1200
"""After so long a run is ended and counts as failed."""

SAID = 300
"""Characters of an error that are kept."""

FOREIGN = ("AIRFLOW", "DBT_", "HEADRACE_", "SNOWFLAKE_", "PYTHON", "PG", "MYSQL")


@dataclass(frozen=True)
class Run:
    """What one run took. ``memory_mb`` is the whole process tree's peak above the interpreter's own size."""

    seconds: float
    cpu_seconds: float
    memory_mb: float
    set_aside: int = 0


class RunFailed(Exception):
    """A peer did not do its job; the message is what it said."""


def run(environment: Environment, module: str, job: Mapping[str, Any]) -> Run:
    """Do one job. Raises RunFailed with the peer's error."""
    [done] = run_all(environment, module, [job])
    if isinstance(done, RunFailed):
        raise done
    return done


def run_all(
    environment: Environment, module: str, jobs: Sequence[Mapping[str, Any]], limit: float = LIMIT_SECONDS
) -> list[Run | RunFailed]:
    """Do jobs in turn in one process; what each took, or how it failed.

    A job that crashes the process, or takes longer than ``limit`` seconds, has failed, and the next ones are
    done in another.
    """
    results: list[Run | RunFailed] = []
    while len(results) < len(jobs):
        results += _in_one_process(environment, module, jobs[len(results) :], limit)
    return results


def _in_one_process(
    environment: Environment, module: str, jobs: Sequence[Mapping[str, Any]], limit: float
) -> list[Run | RunFailed]:
    """The jobs up to the last, or to the one that ended the process."""
    process = subprocess.Popen(
        [environment.python, "-W", "ignore", "-m", f"bench.runners.{module}"],
        cwd=PROJECT_ROOT,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    tail = _Tail(process.stderr)
    watch = _Watch(process.pid, limit)
    results: list[Run | RunFailed] = []
    base = 0.0
    try:
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([dict(job) for job in jobs]))
            process.stdin.close()
        for line in process.stdout:
            said = json.loads(line)
            if "ready" in said:
                base = said["memory_mb"]
                watch.begin()
            elif "error" in said:
                results.append(RunFailed(shortened(said["error"])))
            else:
                peak = max(said["peak_mb"], watch.peak_mb)
                results.append(
                    Run(said["seconds"], said["cpu_seconds"], max(0.0, peak - base), said["set_aside"])
                )
        process.wait()
    finally:
        watch.end()
        _end(process.pid)
        process.wait()
    if len(results) < len(jobs):
        ended = f"did not end within {limit:.0f} s" if watch.late else f"ended with {process.returncode}"
        results.append(RunFailed(shortened(f"{ended}: {tail.text()}")))
    return results


def shortened(text: str) -> str:
    """An error on one line: its beginning and its end, where a chain of errors has the cause."""
    words = " ".join(text.split())
    return words if len(words) <= SAID else f"{words[: SAID // 3]} ... {words[-SAID * 2 // 3 :]}"


def _environment() -> dict[str, str]:
    """The environment of every peer: nothing of whoever runs the bench that changes what is measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {
        **kept,
        "AIRFLOW_HOME": str(LOCAL_DIR / "bench" / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DO_NOT_TRACK": "1",
        "SNOWFLAKE_DISABLE_MINICORE": "1",
        "TZ": "UTC",
    }


def _end(pid: int) -> None:
    """End a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for one in [*root.children(recursive=True), root]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


class _Tail:
    """The end of what a process says on stderr, read so that it never waits for a reader."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, args=[stream], daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines = [*self._lines[-19:], line]

    def text(self) -> str:
        """The last line that says something, with those before it."""
        self._thread.join(5)
        return " ".join(self._lines)[-SAID:]


class _Watch:
    """The largest memory of a process with its children: of one alone it says its own peak itself.

    Memory that processes share is counted once (PSS, proc_pid_smaps(5)). A job that takes longer than
    ``limit`` seconds is ended, and is ``late``.
    """

    def __init__(self, pid: int, limit: float) -> None:
        self._process = psutil.Process(pid)
        self._limit = limit
        self._over = threading.Event()
        self._began = time.monotonic()
        self.late = False
        self.peak_mb = 0.0
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Begin anew, for the next job."""
        self._began = time.monotonic()
        self.peak_mb = 0.0

    def end(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            if time.monotonic() - self._began > self._limit:
                self.late = True
                _end(self._process.pid)
                return
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                children = self._process.children(recursive=True)
                if children:
                    tree = sum(_memory(one) for one in [self._process, *children])
                    self.peak_mb = max(self.peak_mb, tree / 1024**2)


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = process.memory_full_info()
        return int(getattr(found, "pss", found.uss))
    return 0
