"""Table locks as Snowflake's transactions take them.

UPDATE, DELETE, MERGE and TRUNCATE exclude one another on a table; INSERT and COPY exclude nobody. DDL excludes
all three. A loser waits; past LOCK_TIMEOUT seconds it fails, and with 20 waiting before it, it fails at once
(Snowflake's documentation: "Transactions", "LOCK_TIMEOUT").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from include.headrace.local_snowflake.errors import Canceled, SqlError

Relation = tuple[str, str, str]
MAX_WAITERS = 20


class Mode(Enum):
    """How a statement holds a table."""

    APPEND = "APPEND"
    CHANGE = "CHANGE"
    DEFINE = "DEFINE"


def _conflict(held: Mode, wanted: Mode) -> bool:
    return Mode.DEFINE in (held, wanted) or (held is Mode.CHANGE and wanted is Mode.CHANGE)


@dataclass
class _Lock:
    holders: dict[int, set[Mode]] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class LockRow:
    """One row of SHOW LOCKS."""

    relation: Relation
    owner: int
    mode: Mode
    status: str


class LockTable:
    """Who holds and who waits for which table. Owners are transaction ids."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._locks: dict[Relation, _Lock] = {}
        self.acquired_at: dict[tuple[Relation, int], datetime] = {}

    def acquire(
        self, relation: Relation, mode: Mode, owner: int, timeout: float, canceled: Callable[[], bool]
    ) -> None:
        """Take the lock for ``owner``, waiting at most ``timeout`` seconds.

        Raises SqlError 000625 when the wait is too long or too many wait, Canceled when ``canceled()`` turns true.
        """
        name = ".".join(relation)
        deadline = time.monotonic() + timeout
        with self._condition:
            lock = self._locks.setdefault(relation, _Lock())
            if self._blocked(lock, mode, owner) and len(lock.waiting) >= MAX_WAITERS:
                raise SqlError(
                    625, "57014", f"Statement was aborted because the number of waiters for this lock on {name} "
                    f"exceeds the {MAX_WAITERS} statements limit."
                )
            lock.waiting.append(owner)
            try:
                while self._blocked(lock, mode, owner):
                    if canceled():
                        raise Canceled()
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise SqlError(
                            625, "57014", f"Statement has locked table {name} in transaction "
                            f"{next(iter(set(lock.holders) - {owner}), 0)} and this statement waited longer than "
                            f"LOCK_TIMEOUT of {timeout:g} seconds."
                        )
                    self._condition.wait(min(left, 0.1))
            finally:
                lock.waiting.remove(owner)
                self._condition.notify_all()
            lock.holders.setdefault(owner, set()).add(mode)
            self.acquired_at.setdefault((relation, owner), datetime.now(UTC))

    @staticmethod
    def _blocked(lock: _Lock, mode: Mode, owner: int) -> bool:
        held = any(_conflict(h, mode) for who, modes in lock.holders.items() if who != owner for h in modes)
        if held or owner in lock.holders:
            return held
        # First come, first served, so that a stream of writers cannot starve one.
        first = next((who for who in lock.waiting), owner)
        return mode is Mode.CHANGE and first != owner and any(who != owner for who in lock.holders)

    def release(self, owner: int) -> None:
        """Let go of everything ``owner`` holds."""
        with self._condition:
            for relation, lock in list(self._locks.items()):
                lock.holders.pop(owner, None)
                self.acquired_at.pop((relation, owner), None)
                if not lock.holders and not lock.waiting:
                    del self._locks[relation]
            self._condition.notify_all()

    def wake(self) -> None:
        """Make waiters look at once whether they were canceled."""
        with self._condition:
            self._condition.notify_all()

    def rows(self) -> list[LockRow]:
        """What SHOW LOCKS shows: holders, then waiters."""
        with self._condition:
            found = [
                LockRow(relation, owner, mode, "HOLDING")
                for relation, lock in self._locks.items()
                for owner, modes in lock.holders.items()
                for mode in modes
            ]
            found += [
                LockRow(relation, owner, Mode.CHANGE, "WAITING")
                for relation, lock in self._locks.items()
                for owner in lock.waiting
                if owner not in lock.holders
            ]
        return found
