"""The API's rate limit."""

from __future__ import annotations

import time


class TokenBucket:
    """Lets through ``per_second`` requests a second, and up to a second's worth at once."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second or 0.0)
        self._left = self._most
        self._counted_at = time.monotonic()

    def take(self) -> float:
        """Seconds until the next request may come; 0 when this one may pass."""
        if self._per_second is None:
            return 0.0
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0.0
