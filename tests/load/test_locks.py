"""Loads that meet locks of others, transactions of dead clients, and requests that arrive twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from include.headrace import session as sessions_module
from include.headrace.errors import PassingError
from include.headrace.manifest import LoadIds
from include.headrace.session import Session
from include.headrace.settings import PROJECT_ROOT
from tests.support.loads import ORDERS, MemoryExtraction, Shop, batch, orders_table
from tests.support.snowflake import LocalSnowflake, airflow_connection, start_local_snowflake
from tests.support.snowflake_proxy import Kind, SnowflakeProxy, StatementFault

SessionsAt = Callable[[int], Callable[[], Session]]

ROWS = [{"id": n, "state": "new", "changed": datetime(2024, 5, 1, 12, n)} for n in range(6)]
FIRST, REST = ROWS[:3], ROWS[3:]
APPENDED = orders_table(disposition="append", primary_key=None)


@pytest.fixture
def sessions_at(monkeypatch: pytest.MonkeyPatch) -> SessionsAt:
    """Point the connection of the tests at a port; what opens sessions there."""

    def point(port: int) -> Callable[[], Session]:
        monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_TEST", airflow_connection(port))
        return sessions_module.sessions("snowflake_test", sessions_module.query_tag(dag_id="tests"))

    return point


@pytest.fixture
def short_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sessions_module, "SESSION_PARAMETERS", {**sessions_module.SESSION_PARAMETERS, "LOCK_TIMEOUT": 1}
    )


@pytest.fixture
def holder(open_session: Callable[[], Session]) -> Iterator[Session]:
    """A session that holds locks of the test's choice until it rolls back."""
    session = open_session()
    session.execute("BEGIN")
    yield session
    session.close()


def fence(shop: Shop) -> str:
    return f'"RAW"."HEADRACE"."FENCE__{shop.source.upper()}__ORDERS"'


def staged(shop: Shop) -> LoadIds:
    return shop.stage(MemoryExtraction(ORDERS, [batch(REST)]), orders_table())


@pytest.mark.parametrize("locked", ["fence", "target"])
def test_a_lock_held_too_long_ends_the_load_and_its_retry_is_right(
    shop: Shop, short_locks: None, holder: Session, locked: str
) -> None:
    shop.stage_and_load(FIRST)
    ids = staged(shop)
    statements = {
        "fence": f'UPDATE {fence(shop)} SET "EPOCH" = "EPOCH"',
        "target": f'UPDATE {shop.table()} SET "STATE" = "STATE"',
    }
    holder.execute(statements[locked])
    with pytest.raises(PassingError, match="LOCK_TIMEOUT of 1 seconds"):
        shop.load(ids, orders_table())
    assert shop.rows('"ID"') == [(0,), (1,), (2,)]
    assert len(shop.loads()) == 1
    holder.rollback()
    shop.load(ids, orders_table())
    assert shop.rows('"ID"') == [(n,) for n in range(6)]


def test_a_load_waits_for_a_lock_and_then_sees_what_its_holder_committed(shop: Shop, holder: Session) -> None:
    shop.stage_and_load(FIRST)
    ids = staged(shop)
    # The holder is another program that mends a row by hand: newer than what the load brings.
    holder.execute(f"INSERT INTO {shop.table()} SELECT 3, 'by hand', '2025-01-01', 'x', '2025-01-01'")
    holder.execute(f'UPDATE {shop.table()} SET "STATE" = "STATE"')
    loading = threading.Thread(target=shop.load, args=(ids, orders_table()))
    loading.start()
    while not [row for row in shop.query("SHOW LOCKS") if row["status"] == "WAITING"]:
        assert loading.is_alive()
        time.sleep(0.05)
    holder.execute("COMMIT")
    loading.join(30)
    assert shop.rows() == [
        (0, "new"),
        (1, "new"),
        (2, "new"),
        (3, "by hand"),
        (4, "new"),
        (5, "new"),
    ]


def killed_before_its_commit(ids: LoadIds) -> None:
    """Run a load in a process that dies by SIGKILL with its transaction open and the fence locked."""
    killed = subprocess.run(
        [sys.executable, "-m", "tests.load.kill_worker", ids.source, ids.load_id, ids.attempt_id, "before"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr


@pytest.fixture
def slow_to_notice(tmp_path: Path) -> Iterator[LocalSnowflake]:
    """A server that keeps the transactions of dead clients for ten minutes, as Snowflake does."""
    server = start_local_snowflake(tmp_path / "snowflake", "--detached-seconds", "600")
    yield server
    server.stop()


@pytest.fixture
def slow_shop(
    slow_to_notice: LocalSnowflake, short_locks: None, sessions_at: SessionsAt, tmp_path: Path
) -> Shop:
    return Shop(sessions_at(slow_to_notice.port), tmp_path)


def test_a_dead_attempt_holds_the_fence_against_others_until_its_own_retry_aborts_it(
    slow_shop: Shop,
) -> None:
    slow_shop.stage_and_load([], APPENDED)
    dead = slow_shop.stage(MemoryExtraction(ORDERS, [batch(FIRST)]), APPENDED)
    other = slow_shop.stage(MemoryExtraction(ORDERS, [batch(REST)]), APPENDED)
    killed_before_its_commit(dead)
    with pytest.raises(PassingError, match="has locked table"):
        slow_shop.load(other, APPENDED)
    slow_shop.load(dead, APPENDED)
    slow_shop.load(other, APPENDED)
    assert slow_shop.rows('"ID"') == [(n,) for n in range(6)]
    assert len(slow_shop.loads()) == 3


def test_a_dead_clients_locks_end_by_themselves_and_the_load_that_waited_goes_on(
    sessions_at: SessionsAt, tmp_path: Path
) -> None:
    server = start_local_snowflake(tmp_path / "quick", "--detached-seconds", "2")
    try:
        quick = Shop(sessions_at(server.port), tmp_path)
        quick.stage_and_load([], APPENDED)
        dead = quick.stage(MemoryExtraction(ORDERS, [batch(FIRST)]), APPENDED)
        other = quick.stage(MemoryExtraction(ORDERS, [batch(REST)]), APPENDED)
        killed_before_its_commit(dead)
        quick.load(other, APPENDED)
        assert quick.rows('"ID"') == [(3,), (4,), (5,)]
    finally:
        server.stop()


@pytest.mark.parametrize("kind", [Kind.REPEATED, Kind.REPEATED_AT_ONCE])
def test_a_load_whose_every_request_arrives_twice_is_right(
    snowflake: LocalSnowflake, sessions_at: SessionsAt, tmp_path: Path, kind: Kind
) -> None:
    proxy = SnowflakeProxy(snowflake.port)
    try:
        shop = Shop(sessions_at(proxy.port), tmp_path)
        with proxy.broken(StatementFault(None, kind)) as fault:
            shop.stage_and_load(FIRST, APPENDED)
            shop.stage_and_load(REST, APPENDED)
        assert fault.done > 50
        assert shop.rows('"ID"') == [(n,) for n in range(6)]
        assert len(shop.loads()) == 2
        assert len(shop.attempts("load")) == 2
    finally:
        proxy.stop()
