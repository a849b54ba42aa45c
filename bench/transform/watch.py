"""What a run takes of the machine: processor time of everything, memory of the tasks' processes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psutil

EVERY_SECONDS = 1.0


def cpu_seconds() -> float:
    """Processor seconds that the machine has worked since it started, whoever for."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


class Memory:
    """The peak of what a set of processes holds together, looked at every second while in the block.

    Of memory that several share each is charged its part (the proportional set size), so that what a forked
    task has of its parent is not counted once a task.
    """

    def __init__(self, processes: Callable[[], list[psutil.Process]]) -> None:
        self.peak = 0
        """Bytes."""
        self._processes = processes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self.peak = max(self.peak, sum(map(_held, self._processes())))


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it has ended
        return 0
