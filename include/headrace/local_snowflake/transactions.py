"""Transactions: Snowflake's states over DuckDB's snapshots.

Snowflake is READ COMMITTED and a failed statement leaves the transaction open; DuckDB takes one snapshot
and a
failed statement ends it. So DuckDB's transaction begins only with the first write, and the writes made so far
are kept: when a statement must see what others committed since, or after an error, DuckDB is rolled back and
the writes are made again. If one then changes another number of rows, the transaction is lost and says so.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

import duckdb

from include.headrace.local_snowflake.errors import PRODUCT, SqlError
from include.headrace.local_snowflake.locks import LockTable, Relation

Write = Callable[[duckdb.DuckDBPyConnection], int]
"""One write, to be run again if need be; returns the number of rows changed."""


class State(Enum):
    """How a transaction stands."""

    RUNNING = "running"
    FAILED = "failed"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"


@dataclass
class Transaction:
    """One transaction. ``id`` is the time it began in nanoseconds, as in Snowflake."""

    id: int
    name: str
    session_id: int
    user: str
    explicit: bool
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: State = State.RUNNING
    reason: str = ""
    writes: list[tuple[Write, int]] = field(default_factory=list)
    changed: set[Relation] = field(default_factory=set)
    snapshot: int = -1
    begun: bool = False
    abort_requested: bool = False
    ended: float = 0.0


class Registry:
    """All transactions of the server: who runs, what ended how, and at what count each table last changed."""

    KEPT = 10_000

    def __init__(self) -> None:
        self.locks = LockTable()
        self._mutex = threading.Lock()
        self._known: dict[int, Transaction] = {}
        self._last_id = 0
        self._commits = itertools.count(1)
        self.commit_count = 0
        self._changed_at: dict[Relation, int] = {}

    def begin(self, name: str, session_id: int, user: str, explicit: bool) -> Transaction:
        """Start a transaction with a fresh id, greater than all before it."""
        with self._mutex:
            self._last_id = max(time.time_ns(), self._last_id + 1)
            transaction = Transaction(self._last_id, name, session_id, user, explicit)
            self._known[transaction.id] = transaction
            while len(self._known) > self.KEPT:
                oldest = next(iter(self._known))
                if self._known[oldest].state is State.RUNNING:
                    break
                del self._known[oldest]
        return transaction

    def find(self, transaction_id: int) -> Transaction | None:
        """The transaction of that id, running or ended since the server began."""
        return self._known.get(transaction_id)

    def running(self) -> list[Transaction]:
        """Open transactions, oldest first; single statements in autocommit are left out."""
        with self._mutex:
            return [
                t for t in self._known.values() if t.state in (State.RUNNING, State.FAILED) and t.explicit
            ]

    def published(self, relations: Iterable[Relation]) -> None:
        """Note that a commit changed these tables."""
        with self._mutex:
            self.commit_count = next(self._commits)
            for relation in relations:
                self._changed_at[relation] = self.commit_count

    def stale(self, transaction: Transaction, relations: Iterable[Relation], opaque: bool) -> bool:
        """True when another commit since the snapshot changed one of ``relations``.

        ``opaque`` says that the statement reads through a view, so that any change counts.
        """
        with self._mutex:
            if opaque:
                return self.commit_count > transaction.snapshot
            return any(self._changed_at.get(r, 0) > transaction.snapshot for r in relations)


def start(registry: Registry, transaction: Transaction, duck: duckdb.DuckDBPyConnection) -> None:
    """Begin DuckDB's transaction for the first write."""
    transaction.snapshot = registry.commit_count
    duck.execute("BEGIN TRANSACTION")
    transaction.begun = True


def replay(registry: Registry, transaction: Transaction, duck: duckdb.DuckDBPyConnection) -> None:
    """Roll DuckDB back and make the transaction's writes again on what is committed now.

    Raises SqlError, and leaves the transaction FAILED, when a write now fails or changes another number of
    rows.
    """
    undo(transaction, duck)
    if not transaction.writes:
        return
    start(registry, transaction, duck)
    for write, expected in transaction.writes:
        try:
            found = write(duck)
        except duckdb.Error as error:
            fail(transaction, f"a write could not be made again: {str(error).splitlines()[0]}")
            raise lost(transaction) from error
        if found != expected:
            fail(
                transaction,
                f"another transaction changed what it had written from ({expected} rows, now {found})",
            )
            raise lost(transaction)


def undo(transaction: Transaction, duck: duckdb.DuckDBPyConnection) -> None:
    """Roll back DuckDB's side, if it has begun."""
    if transaction.begun:
        transaction.begun = False
        try:
            duck.execute("ROLLBACK")
        except duckdb.TransactionException as error:
            if "no transaction is active" not in str(error):
                raise


def fail(transaction: Transaction, reason: str) -> None:
    """Mark the transaction as one that can only be rolled back."""
    transaction.state, transaction.reason = State.FAILED, reason


def lost(transaction: Transaction) -> SqlError:
    """The error of every statement in a failed transaction."""
    return SqlError(
        90232,
        "57014",
        f"Transaction {transaction.id} was aborted ({transaction.reason}); nothing of it is kept. "
        f"Roll back and start again. [{PRODUCT}]",
    )
