"""Table locks as Snowflake's transactions take them.

UPDATE, DELETE, MERGE and TRUNCATE exclude one another on a table; INSERT and COPY exclude nobody. DDL
excludes
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
    waiting: list[tuple[int, Mode]] = field(default_factory=list)


@dataclass(frozen=True)
class LockRow:
    """One row of SHOW LOCKS."""

    relation: Relation
    owner: int
    mode: Mode
    status: str


class LockTable:
    """Who holds and who waits for which table. Owners are transaction ids; an older one has a smaller id."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._locks: dict[Relation, _Lock] = {}
        self.acquired_at: dict[tuple[Relation, int], datetime] = {}

    def acquire(
        self, relation: Relation, mode: Mode, owner: int, timeout: float, canceled: Callable[[], bool]
    ) -> None:
        """Take the lock for ``owner``, waiting at most ``timeout`` seconds.

        Raises SqlError 000625 when the wait is too long, too many wait already, or two wait for each other;
        Canceled when ``canceled()`` turns true.
        """
        name = ".".join(relation)
        deadline = time.monotonic() + timeout
        with self._condition:
            lock = self._locks.setdefault(relation, _Lock())
            if self._blockers(lock, mode, owner) and len(lock.waiting) >= MAX_WAITERS:
                raise SqlError(
                    625,
                    "57014",
                    f"Statement was aborted because the number of waiters for the lock on {name} exceeds the "
                    f"{MAX_WAITERS} statements limit.",
                )
            me = (owner, mode)
            lock.waiting.append(me)
            try:
                while blockers := self._blockers(lock, mode, owner):
                    if canceled():
                        raise Canceled()
                    if self._deadlocked(owner):
                        raise SqlError(
                            625, "57014", f"Statement was aborted: deadlock over the table {name}."
                        )
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise SqlError(
                            625,
                            "57014",
                            f"Transaction {min(blockers)} has locked table {name} and has not "
                            "released it within "
                            f"LOCK_TIMEOUT of {timeout:g} seconds.",
                        )
                    self._condition.wait(min(left, 0.5))
            finally:
                lock.waiting.remove(me)
                self._condition.notify_all()
            lock.holders.setdefault(owner, set()).add(mode)
            self.acquired_at.setdefault((relation, owner), datetime.now(UTC))

    @staticmethod
    def _blockers(lock: _Lock, mode: Mode, owner: int) -> set[int]:
        """Who stands in the way: holders in conflict, and, first come first served, earlier waiters."""
        blockers = {
            who
            for who, modes in lock.holders.items()
            if who != owner and any(_conflict(held, mode) for held in modes)
        }
        if owner in lock.holders:
            return blockers
        for who, wanted in lock.waiting:
            if who == owner:
                break
            if _conflict(wanted, mode):
                blockers.add(who)
        return blockers

    def _deadlocked(self, owner: int) -> bool:
        """True when ``owner`` waits, over others, for itself, and is the youngest that does."""
        waits: dict[int, set[int]] = {}
        for lock in self._locks.values():
            for who, mode in lock.waiting:
                waits.setdefault(who, set()).update(self._blockers(lock, mode, who))
        reached, frontier = set(), set(waits.get(owner, ()))
        while frontier:
            who = frontier.pop()
            if who not in reached:
                reached.add(who)
                frontier |= waits.get(who, set())
        return owner in reached and owner == max(w for w in reached if w in waits)

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
                LockRow(relation, owner, mode, "WAITING")
                for relation, lock in self._locks.items()
                for owner, mode in lock.waiting
            ]
        return found
