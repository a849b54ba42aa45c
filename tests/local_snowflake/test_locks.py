from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from snowflake.connector.errors import ProgrammingError

from include.headrace.settings import PROJECT_ROOT
from tests.local_snowflake.conftest import DETACHED_SECONDS, Client
from tests.support.snowflake import LocalSnowflake

Connect = Callable[..., Client]

DIES = """
import os, sys, snowflake.connector
c = snowflake.connector.connect(account="local", user="u", password="p", host="127.0.0.1",
    port=int(sys.argv[1]), protocol="http", database="TESTS", schema=sys.argv[2], login_timeout=10)
c.cursor().execute("begin transaction name the_dead")
c.cursor().execute("update t set a = 2")
print(c.cursor().execute("select current_transaction()").fetchone()[0], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "statement",
    [
        "update t set a = 3",
        "delete from t",
        "truncate table t",
        "merge into t using (select 1 a) s on t.a = s.a when not matched then insert (a) values (s.a)",
    ],
)
def test_writers_of_one_table_wait_and_time_out(client: Client, connect: Connect, statement: str) -> None:
    client.run("create table t (a int)", "insert into t values (1)", "begin", "update t set a = 2")
    other = connect(parameters={"LOCK_TIMEOUT": 1})
    error = other.error(statement)
    assert error.errno == 625
    assert "LOCK_TIMEOUT" in str(error)
    client.run("commit")
    other.run(statement)


def test_an_insert_waits_for_nobody(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "insert into t values (1)", "begin", "update t set a = 2")
    other = connect(parameters={"LOCK_TIMEOUT": 0})
    other.run("insert into t values (7)")
    client.run("commit")
    assert client.rows("select a from t order by a") == [(2,), (7,)]


def test_an_update_sees_what_the_transaction_it_waited_for_committed(
    client: Client, connect: Connect
) -> None:
    client.run("create table t (a int)", "insert into t values (1)", "begin", "update t set a = 2")
    other = connect()
    changed: list[int] = []
    waiter = threading.Thread(target=lambda: changed.append(other.count("update t set a = a + 10")))
    waiter.start()
    time.sleep(0.3)
    assert {row["status"] for row in client.dicts("show locks")} == {"HOLDING", "WAITING"}
    client.run("commit")
    waiter.join(10)
    assert changed == [1]
    assert client.rows("select a from t") == [(12,)]


def test_writers_of_two_tables_do_not_wait(client: Client, connect: Connect) -> None:
    client.run(
        "create table t (a int)",
        "create table u (a int)",
        "insert into t values (1)",
        "insert into u values (1)",
    )
    client.run("begin", "update t set a = 2")
    other = connect(parameters={"LOCK_TIMEOUT": 0})
    assert other.count("update u set a = 2") == 1
    client.run("rollback")


def test_more_than_twenty_waiters_are_turned_away(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "insert into t values (1)", "begin", "update t set a = 2")
    waiters = [connect(parameters={"LOCK_TIMEOUT": 30}) for _ in range(20)]
    changed: list[int] = []
    threads = [
        threading.Thread(target=lambda w=waiter: changed.append(w.count("update t set a = a + 1")))
        for waiter in waiters
    ]
    for thread in threads:
        thread.start()
    late = connect(parameters={"LOCK_TIMEOUT": 30})
    deadline = time.monotonic() + 20
    while (
        sum(r["status"] == "WAITING" for r in client.dicts("show locks")) < 20 and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    error = late.error("update t set a = 0")
    assert error.errno == 625
    assert "20 statements" in str(error)
    client.run("commit")
    for thread in threads:
        thread.join(30)
    assert changed == [1] * 20
    assert client.rows("select a from t") == [(22,)]


def test_a_deadlock_fails_one_of_the_two(client: Client, connect: Connect) -> None:
    other = connect()
    client.run(
        "create table t (a int)",
        "create table u (a int)",
        "insert into t values (1)",
        "insert into u values (1)",
    )
    client.run("begin", "update t set a = 2")
    other.run("begin", "update u set a = 2")
    done: list[int] = []
    waiter = threading.Thread(target=lambda: done.append(client.count("update u set a = 3")))
    waiter.start()
    time.sleep(0.3)
    error = other.error("update t set a = 3")
    assert (error.errno, "deadlock" in str(error)) == (625, True)
    other.run("rollback")
    waiter.join(10)
    assert done == [1]
    client.run("commit")


def test_the_transaction_of_a_killed_client_ends(server: LocalSnowflake, client: Client, schema: str) -> None:
    client.run("create table t (a int)", "insert into t values (1)")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DIES, str(server.port), schema],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
    )
    assert process.stdout is not None
    transaction = process.stdout.readline().strip()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert client.count("update t set a = 3 where a = 1") == 1
    assert client.dicts(f"describe transaction {transaction}")[0]["state"] == "rolled_back"


def test_an_idle_client_that_lives_keeps_its_transaction(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "begin", "insert into t values (1)")
    time.sleep(2.5 * DETACHED_SECONDS)
    client.run("insert into t values (2)", "commit")
    assert connect().rows("select a from t order by a") == [(1,), (2,)]


def test_a_canceled_statement_stops_with_000604(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "insert into t values (1)", "begin", "update t set a = 2")
    other = connect(parameters={"LOCK_TIMEOUT": 60})
    with pytest.raises(ProgrammingError) as caught:
        other.connection.cursor().execute("update t set a = 3", timeout=1)
    assert caught.value.errno == 604
    client.run("rollback")
    assert other.value("select 1 as one") == 1


def test_statement_timeout_cancels_a_running_query(connect: Connect) -> None:
    client = connect(parameters={"STATEMENT_TIMEOUT_IN_SECONDS": 1})
    client.run(
        "create table n (a int)", "insert into n values (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)"
    )
    joined = " cross join ".join(f"n n{i}" for i in range(11))
    error = client.error(f"select sum(n0.a * n1.a + n10.a) as s from {joined}")
    assert error.errno == 604
    assert client.value("select 1 as one") == 1


def test_cancelling_a_sessions_queries_stops_its_statement_alone(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "insert into t values (1)", "begin", "update t set a = 2")
    waiting = connect(parameters={"LOCK_TIMEOUT": 60})
    waiting.run("create table kept (a int)", "begin", "insert into kept values (1)")
    number = waiting.connection.session_id
    errors: list[ProgrammingError] = []

    def wait() -> None:
        with pytest.raises(ProgrammingError) as caught:
            waiting.run("update t set a = 3")
        errors.append(caught.value)

    thread = threading.Thread(target=wait)
    thread.start()
    deadline = time.monotonic() + 60
    while thread.is_alive() and time.monotonic() < deadline:
        client.rows(f"select system$cancel_all_queries({number})")
        thread.join(0.1)
    assert [error.errno for error in errors] == [604]
    # Its transaction is still open, as in Snowflake; ours was not touched.
    assert waiting.value("select count(*) as n from kept") == 1
    waiting.run("rollback")
    assert waiting.value("select count(*) as n from kept") == 0
    assert client.value("select a from t") == 2


def test_the_queries_of_a_session_that_is_not_there_cannot_be_cancelled(client: Client) -> None:
    assert client.error("select system$cancel_all_queries(999999)").errno == 2003
