"""One signed-in session: its parameters, its transaction, its temporary relations, its DuckDB connection."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from sqlglot import Expr

from include.headrace.local_snowflake import functions, transactions
from include.headrace.local_snowflake.errors import Canceled, SqlError, translate
from include.headrace.local_snowflake.locks import Mode, Relation
from include.headrace.local_snowflake.names import duck
from include.headrace.local_snowflake.parameters import Parameters
from include.headrace.local_snowflake.parts import Parts
from include.headrace.local_snowflake.transactions import State, Transaction, Write
from include.headrace.local_snowflake.translate import Translator
from include.headrace.local_snowflake.values import Result

if TYPE_CHECKING:
    from include.headrace.local_snowflake.instance import Instance

_CONFLICT_TRIES = 20


@dataclass(frozen=True)
class Temporary:
    """A temporary relation: its name in DuckDB's ``temp.main`` and whether it is a TABLE or a VIEW."""

    name: str
    kind: str


class Session:
    """State of one session. Statements of one session run one after another."""

    def __init__(self, instance: Instance, session_id: int, user: str, parameters: dict[str, Any]) -> None:
        self.instance = instance
        self.engine = instance.engine
        self.registry = instance.registry
        self.id: int = session_id
        self.user: str = user
        self.token = secrets.token_urlsafe(32)
        self.duck = instance.engine.connect()
        self.parameters = Parameters(self)
        self.database: str | None = None
        self.schema: str | None = None
        self.role: str = instance.default_role
        self.warehouse: str | None = None
        self.transaction: Transaction | None = None
        self.temporary: dict[Relation, Temporary] = {}
        self.results: OrderedDict[str, Result] = OrderedDict()
        self.parts = Parts()
        self.query_id: str | None = None
        self.last_query_id: str | None = None
        self.statement_started = datetime.now(UTC)
        self.last_seen = time.monotonic()
        self.busy = threading.RLock()
        self._canceled = threading.Event()
        self._running = False
        self._closed = False
        self.translator = Translator(self)
        for name, value in parameters.items():
            self.parameters.set(name, value)

    # -- running a statement

    def run(self, text: str, execute: Callable[[Session, str], Result]) -> Result:
        """Run one statement and keep its result for RESULT_SCAN. Raises SqlError only.

        The statement's timeout, its cancellation and what an error does to the open transaction are seen to
        here.
        """
        with self.busy:
            if self._closed:
                raise SqlError(
                    390104, "08001", "Session no longer exists. New login required to access the service."
                )
            self._canceled.clear()
            self.query_id = str(uuid.uuid4())
            self.statement_started = datetime.now(UTC)
            timer = self._timer()
            self._running = True
            try:
                result = execute(self, text)
            except Exception as error:  # every failure must reach the client as an SQL error, never as a 500
                known = translate(error)
                self._after_error()
                if self._canceled.is_set() and not isinstance(known, Canceled):
                    known = Canceled()
                raise known from error
            finally:
                self._running = False
                self.last_query_id = self.query_id
                if timer:
                    timer.cancel()
            self.results[self.query_id] = result
            while len(self.results) > 20:
                self.results.popitem(last=False)
            return result

    def _timer(self) -> threading.Timer | None:
        seconds = float(self.parameters.value("STATEMENT_TIMEOUT_IN_SECONDS"))
        if seconds <= 0 or seconds >= 172_800:
            return None
        timer = threading.Timer(seconds, self.cancel)
        timer.daemon = True
        timer.start()
        return timer

    def cancel(self) -> None:
        """Interrupt the running statement, if there is one; it fails with 000604."""
        if self._running:
            self._canceled.set()
            self.duck.interrupt()
            self.registry.locks.wake()

    def canceled(self) -> bool:
        """True when the running statement was told to stop."""
        return self._canceled.is_set()

    @property
    def is_running(self) -> bool:
        """True while a statement runs."""
        return self._running

    def _after_error(self) -> None:
        transaction = self.transaction
        if transaction is None or transaction.state is not State.RUNNING:
            return
        transactions.undo(transaction, self.duck)
        if self.parameters.value("TRANSACTION_ABORT_ON_ERROR") == "true":
            transactions.fail(transaction, "a statement failed and TRANSACTION_ABORT_ON_ERROR is TRUE")
            self.registry.locks.release(transaction.id)

    # -- transactions

    def begin(self, name: str = "") -> None:
        """BEGIN: a second one inside a transaction is ignored, as in Snowflake."""
        if self.transaction is not None:
            self._usable(self.transaction)
            return
        self.transaction = self.registry.begin(name or str(uuid.uuid4()), self.id, self.user, explicit=True)

    def commit(self) -> None:
        """COMMIT. Raises SqlError, with everything rolled back, when the transaction cannot be committed."""
        transaction = self.transaction
        if transaction is None:
            return
        try:
            self._usable(transaction)
            if transaction.writes and not transaction.begun:
                transactions.replay(self.registry, transaction, self.duck)
            if transaction.begun:
                transaction.begun = False
                self.duck.execute("COMMIT")
            self.registry.published(transaction.changed)
            transaction.state = State.COMMITTED
        except (SqlError, duckdb.Error) as error:
            self._end(transaction)
            raise translate(error) from error
        self._end(transaction)

    def rollback(self) -> None:
        """ROLLBACK; without a transaction nothing happens."""
        if self.transaction is not None:
            self._end(self.transaction)

    def _end(self, transaction: Transaction) -> None:
        transactions.undo(transaction, self.duck)
        if transaction.state is not State.COMMITTED:
            transaction.state = State.ROLLED_BACK
        transaction.ended = time.time()
        transaction.writes.clear()
        self.registry.locks.release(transaction.id)
        if self.transaction is transaction:
            self.transaction = None

    def abort(self, reason: str) -> None:
        """End the open transaction from outside; the session must still roll back to go on."""
        self.cancel()
        with self.busy:
            transaction = self.transaction
            if transaction is not None and transaction.state in (State.RUNNING, State.FAILED):
                self._end(transaction)
                transaction.reason = reason
                self.transaction = transaction

    def _usable(self, transaction: Transaction) -> None:
        if transaction.state is not State.RUNNING:
            raise transactions.lost(transaction)

    # -- reading and writing

    def query(self, sql: str, reads: Iterable[Relation]) -> Result:
        """Run a translated query; inside a transaction that wrote, it sees those writes and all commits so
        far."""
        transaction = self.transaction
        if transaction is not None:
            self._usable(transaction)
            self._refresh(transaction, set(reads))
        relation = self.duck.sql(sql)
        table = relation.to_arrow_table()
        return Result(table, [str(kind) for kind in relation.types], rowcount=table.num_rows)

    def _refresh(self, transaction: Transaction, reads: set[Relation]) -> None:
        if not transaction.writes:
            return
        opaque = any(self.engine.is_view(r) for r in reads)
        if not transaction.begun or self.registry.stale(transaction, reads, opaque):
            transactions.replay(self.registry, transaction, self.duck)

    def write(self, target: Relation, mode: Mode, reads: set[Relation], write: Write) -> int:
        """Run one write under its table lock, in the open transaction or in one of its own.

        ``reads`` are the relations the statement looks at, its target too unless it only appends. Returns the
        number of rows changed.
        """
        transaction = self.transaction
        own = transaction is None and self.parameters.value("AUTOCOMMIT") == "true"
        if transaction is None:
            transaction = self.registry.begin(str(uuid.uuid4()), self.id, self.user, explicit=not own)
            if not own:
                self.transaction = transaction
        self._usable(transaction)
        if target in self.temporary:
            reads = reads - {target}
        else:
            timeout = float(self.parameters.value("LOCK_TIMEOUT"))
            try:
                self.registry.locks.acquire(target, mode, transaction.id, timeout, self.canceled)
            except SqlError:
                if own:
                    self._end(transaction)
                raise
        if own:
            return self._write_alone(transaction, target, write)
        self._refresh(transaction, reads)
        if not transaction.begun:
            transactions.start(self.registry, transaction, self.duck)
        count = write(self.duck)
        transaction.writes.append((write, count))
        transaction.changed.add(target)
        return count

    def _write_alone(self, transaction: Transaction, target: Relation, write: Write) -> int:
        try:
            for attempt in range(_CONFLICT_TRIES):
                transactions.start(self.registry, transaction, self.duck)
                try:
                    count = write(self.duck)
                    transaction.begun = False
                    self.duck.execute("COMMIT")
                    break
                except duckdb.TransactionException:
                    transaction.begun = True
                    transactions.undo(transaction, self.duck)
                    if attempt == _CONFLICT_TRIES - 1:
                        raise
                    time.sleep(0.01 * (attempt + 1))
            self.registry.published([target])
            transaction.state = State.COMMITTED
            return count
        finally:
            self._end(transaction)

    def define(
        self, relations: Iterable[Relation], change: Callable[[duckdb.DuckDBPyConnection], None]
    ) -> None:
        """Run DDL: the open transaction commits first, then ``change`` runs and commits by itself."""
        self.commit()
        relations = [r for r in relations if r not in self.temporary]
        transaction = self.registry.begin(str(uuid.uuid4()), self.id, self.user, explicit=False)
        timeout = float(self.parameters.value("LOCK_TIMEOUT"))
        try:
            for relation in sorted(relations):
                self.registry.locks.acquire(relation, Mode.DEFINE, transaction.id, timeout, self.canceled)
            for attempt in range(_CONFLICT_TRIES):
                transaction.begun = True
                self.duck.execute("BEGIN TRANSACTION")
                try:
                    change(self.duck)
                    self.duck.execute("COMMIT")
                    transaction.begun = False
                    break
                except duckdb.TransactionException:
                    transactions.undo(transaction, self.duck)
                    if attempt == _CONFLICT_TRIES - 1:
                        raise
                    time.sleep(0.01 * (attempt + 1))
            self.registry.published(relations)
            transaction.state = State.COMMITTED
        finally:
            self._end(transaction)

    # -- names and functions

    def function(self, node: Expr, volatile: bool) -> Expr | None:
        """The value of a context function (CURRENT_ROLE() and the like), or None for any other node."""
        return functions.value(self, node, volatile)

    def place(self, relation: Relation) -> str:
        """The quoted name of a relation for DuckDB; a temporary one hides a permanent one."""
        temporary = self.temporary.get(relation)
        return duck("temp", "main", temporary.name) if temporary else duck(*relation)

    def scan(self, query_id: str) -> pa.Table:
        """The rows of an earlier result of this session. Raises 000709 when it is not kept."""
        if query_id not in self.results:
            raise SqlError(709, "02000", f"Statement {query_id} not found")
        return self.results[query_id].table

    def close(self) -> None:
        """End the session: its transaction rolls back and its temporary relations go."""
        self.cancel()
        with self.busy:
            if self._closed:
                return
            self._closed = True
            if self.transaction is not None:
                self._end(self.transaction)
            self.duck.close()
