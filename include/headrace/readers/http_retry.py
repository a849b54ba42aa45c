"""How long a request that failed is asked again: the one place that tells passing from permanent answers."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers worth asking again (RFC 9110, sections 15.5 and 15.6; RFC 8470 for 425; RFC 6585 for 429):
time-outs, too early, too many requests, and a server or gateway in trouble. Every other status from
400 on says the same the next time."""


class Clock(Protocol):
    """Time as the client uses it, so that a test need not wait."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def jitter(self, seconds: float) -> float:
        """A random part of some seconds, from none to all of them."""
        ...


class SystemClock:
    """The machine's clock."""

    _random = random.SystemRandom()

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        return self._random.uniform(0, seconds)


@dataclass(frozen=True)
class Patience:
    """How often and how long one request is tried.

    Waits grow exponentially with full jitter (Brooker, "Exponential Backoff And Jitter", 2015), so that
    many tasks that failed together do not come back together.
    """

    tries: int = 8
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 60.0
    total_seconds: float = 300.0

    def wait(self, failed: int, asked: float | None, elapsed: float, clock: Clock) -> float | None:
        """Seconds to wait after the try number ``failed`` (from 1); None to give up.

        ``asked`` is what the server asked for in Retry-After, in seconds. It is kept to the letter: a
        server that wants more than what is left of ``total_seconds`` is not asked sooner, but left to
        the retry of the task.
        """
        if failed >= self.tries:
            return None
        most = min(self.longest_wait_seconds, self.first_wait_seconds * 2 ** (failed - 1))
        wait = clock.jitter(most)
        if asked is not None:
            wait = asked + clock.jitter(self.first_wait_seconds)
        return wait if elapsed + wait <= self.total_seconds else None


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header (RFC 9110, section 10.2.3) asks for: a number or an HTTP date.

    ``now`` is in seconds since 1970. None for no header, or one that says neither.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


class Spacing:
    """At most so many requests a second, evenly spaced."""

    def __init__(self, per_second: float | None, clock: Clock) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._clock = clock
        self._next = clock.monotonic()

    def wait(self) -> None:
        """Wait until the next request may go out."""
        now = self._clock.monotonic()
        if now < self._next:
            self._clock.sleep(self._next - now)
        self._next = max(now, self._next) + self._gap
