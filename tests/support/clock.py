"""A clock that a test turns by hand: sleeping takes no time, and is kept."""

from __future__ import annotations


class HandClock:
    """A ``Clock`` of the HTTP client. Jitter is always the whole."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self.slept: list[float] = []
        self._start = wall
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._start + self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def jitter(self, seconds: float) -> float:
        return seconds
