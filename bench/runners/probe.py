"""What every runner has in common: jobs from stdin, the work measured, a result a job on stdout.

A runner is a process of its own in its peer's environment, so nothing but the standard library is used
here. What a runner imports is imported before it is measured: no import counts, neither as time nor memory.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLEAR_PEAK = "5"
"""Written to /proc/self/clear_refs, sets the peak of the resident size to what it is now (proc(5))."""


@dataclass(frozen=True)
class Job:
    """One table to extract to files in ``folder``, which is empty.

    ``host`` to ``database`` lead to the server; for files ``path`` is the one to read. ``columns`` are the
    names and types of a text file's columns, and ``options`` what only some runners know.
    """

    kind: str
    table: str
    folder: Path
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    database: str = ""
    path: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def url(self, scheme: str) -> str:
        """The database's address with login. Passwords of the bench's servers need no quoting."""
        return f"{scheme}://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    @property
    def quoted(self) -> str:
        """The table's name as the server quotes it. The bench's own names hold no quotes."""
        mark = "`" if self.kind == "mysql" else '"'
        return f"{mark}{self.table}{mark}"


def decimals(job: Job) -> dict[str, str]:
    """Precision and scale of the columns that are decimals with a scale, such as ``12,2``."""
    found = {name: re.fullmatch(r"NUMBER\((\d+,[1-9]\d*)\)", kind) for name, kind in job.columns.items()}
    return {name: match[1] for name, match in found.items() if match}


def main(work: Callable[[Job], int | None]) -> None:
    """Do the jobs of stdin (a JSON list) in turn, and say of each what it took.

    ``work`` returns how many rows it set aside, if it does such a thing. An error of one job, a Rust
    panic too, is its result and does not keep the next from being done.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for body in json.load(sys.stdin):
        job = Job(**{**body, "folder": Path(body["folder"])})
        _say(out, {"ready": os.getpid(), "memory_mb": reset_peak()})
        _say(out, _done(work, job))


def _say(out: Any, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=out, flush=True)


def _done(work: Callable[[Job], int | None], job: Job) -> dict[str, Any]:
    cpu, began = cpu_seconds(), time.perf_counter()
    try:
        set_aside = work(job)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return {"error": _text(error).replace(job.password or "\0", "***")}
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_mb": peak_mb(),
        "set_aside": set_aside or 0,
    }


def _text(error: BaseException) -> str:
    """The error and, where it came of another, the first of those."""
    text, first = f"{type(error).__name__}: {error}", error
    while (before := first.__cause__ or first.__context__) is not None:
        first = before
    return text if first is error else f"{text}, from {type(first).__name__}: {first}"


def cpu_seconds() -> float:
    """CPU time of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def reset_peak() -> float:
    """Let the peak begin at the present resident size, and return that, in MB."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text(CLEAR_PEAK)
    return peak_mb()


def peak_mb() -> float:
    """The highest resident size of this process since ``reset_peak``, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        [peak] = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
