"""Shows how far the demo's runs are: a live line on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

PLAIN_SECONDS = 10
"""How often plain lines are written at most."""
NAMES_SHOWN = 4


@dataclass(frozen=True)
class Counts:
    """How many task instances are in which state; ``now`` names those that run."""

    total: int
    done: int
    failed: int
    retrying: int
    running: int
    now: tuple[str, ...] = field(default=(), compare=False)

    @property
    def text(self) -> str:
        """The counts in words."""
        parts = [f"{self.running} running", f"{self.done} of {self.total} done"]
        if self.retrying:
            parts.append(f"{self.retrying} waiting to try again")
        return ", ".join([*parts, f"{self.failed} failed"])


def count(tasks: Iterable[Mapping[str, Any]]) -> Counts:
    """Counts of task instances as Airflow's API gives them. Skipped tasks are done."""
    listed = list(tasks)
    states = Counter(task["state"] for task in listed)
    running = [f"{task['dag_id']} {task['task_id']}" for task in listed if task["state"] == "running"]
    return Counts(
        total=len(listed),
        done=states["success"] + states["skipped"],
        failed=states["failed"] + states["upstream_failed"],
        retrying=states["up_for_retry"],
        running=len(running),
        now=tuple(sorted(running)),
    )


class Progress:
    """Receives counts, again and again, and shows them."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._live: Live | None = None
        self._began = time.monotonic()
        self._last: Counts | None = None
        self._written = float("-inf")

    def update(self, counts: Counts) -> None:
        """Show counts: at once on a terminal; else when they changed, every ten seconds at most, and at
        the end of each stage."""
        if self._live is not None:
            self._live.update(self._drawn(counts), refresh=True)
            return
        complete = counts.total > 0 and counts.done + counts.failed == counts.total
        due = time.monotonic() - self._written >= PLAIN_SECONDS
        if counts != self._last and (complete or due):
            self._written = time.monotonic()
            print(f"{self._clock()}  {counts.text}", file=self._output, flush=True)
        self._last = counts

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes}:{seconds:02}"

    def _drawn(self, counts: Counts) -> Table:
        drawn = Table.grid()
        drawn.add_row(f"{self._clock()}  {counts.text}")
        drawn.add_row(ProgressBar(total=max(counts.total, 1), completed=counts.done, width=60))
        for name in counts.now[:NAMES_SHOWN]:
            drawn.add_row(Text(f"  {name}", no_wrap=True, overflow="ellipsis"))
        return drawn


@contextmanager
def showing(output: TextIO = sys.stderr) -> Iterator[Progress]:
    """A Progress on ``output``, live when that is a terminal."""
    progress = Progress(output)
    if not output.isatty():
        yield progress
        return
    with Live(console=Console(file=output), auto_refresh=False, transient=True) as live:
        progress._live = live
        yield progress
