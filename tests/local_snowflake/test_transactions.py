from __future__ import annotations

import threading
from collections.abc import Callable

from tests.local_snowflake.conftest import Client

Connect = Callable[..., Client]


def test_begin_with_a_name_is_shown_and_described(client: Client) -> None:
    client.run('begin transaction name "headrace load 1"')
    transaction = client.value("select current_transaction()")
    shown = [row for row in client.dicts("show transactions in account") if row["id"] == transaction]
    assert [row["name"] for row in shown] == ["headrace load 1"]
    assert client.dicts(f"describe transaction {transaction}")[0]["state"] == "running"
    client.run("commit")
    assert client.dicts(f"describe transaction {transaction}")[0]["state"] == "committed"
    assert client.value("select current_transaction()") is None
    assert transaction not in [row["id"] for row in client.dicts("show transactions in account")]


def test_a_rolled_back_transaction_is_described_so_and_left_nothing(client: Client) -> None:
    client.run("create table t (a int)", "begin", "insert into t values (1)")
    transaction = client.value("select current_transaction()")
    client.run("rollback")
    assert client.dicts(f"describe transaction {transaction}")[0]["state"] == "rolled_back"
    assert client.rows("select * from t") == []


def test_a_second_begin_is_ignored(client: Client) -> None:
    client.run("create table t (a int)", "begin", "insert into t values (1)")
    first = client.value("select current_transaction()")
    client.run("begin transaction name again")
    assert client.value("select current_transaction()") == first
    client.run("rollback")
    assert client.rows("select * from t") == []


def test_commit_and_rollback_without_a_transaction_succeed(client: Client) -> None:
    client.run("commit", "rollback")


def test_ddl_commits_the_open_transaction(client: Client, connect: Connect) -> None:
    client.run(
        "create table t (a int)", "begin", "insert into t values (1)", "create table u (a int)", "rollback"
    )
    assert connect().rows("select * from t") == [(1,)]
    assert connect().rows("select * from u") == []


def test_create_temporary_table_commits_the_open_transaction(client: Client, connect: Connect) -> None:
    client.run(
        "create table t (a int)", "begin", "insert into t values (1)", "create temporary table u (a int)"
    )
    client.run("rollback")
    assert connect().rows("select * from t") == [(1,)]


def test_alter_session_set_autocommit_commits_the_open_transaction(client: Client, connect: Connect) -> None:
    client.run(
        "create table t (a int)", "begin", "insert into t values (1)", "alter session set autocommit = true"
    )
    client.run("rollback")
    assert connect().rows("select * from t") == [(1,)]


def test_without_autocommit_a_write_begins_a_transaction(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "alter session set autocommit = false", "insert into t values (1)")
    assert connect().rows("select * from t") == []
    client.run("commit")
    assert connect().rows("select * from t") == [(1,)]


def test_a_failed_statement_leaves_the_transaction_open(client: Client) -> None:
    client.run("create table t (a int)", "begin", "insert into t values (1)")
    client.error("insert into t select 1/0")
    client.error("select * from nothing_here")
    assert client.rows("select * from t") == [(1,)]
    client.run("insert into t values (2)", "commit")
    assert client.rows("select * from t order by a") == [(1,), (2,)]


def test_with_abort_on_error_nothing_runs_and_commit_never_reports_success(connect: Connect) -> None:
    client = connect(parameters={"TRANSACTION_ABORT_ON_ERROR": True})
    client.run("create table t (a int)", "begin", "insert into t values (1)")
    client.error("insert into t select 1/0")
    client.error("insert into t values (2)")
    client.error("select 1")
    client.error("commit")
    client.run("rollback")
    assert client.rows("select * from t") == []


def test_each_statement_sees_what_others_committed(client: Client, connect: Connect) -> None:
    other = connect()
    client.run("create table t (a int)", "create table mine (a int)", "begin")
    assert client.value("select count(*) from t") == 0
    other.run("insert into t values (1)")
    assert client.value("select count(*) from t") == 1
    client.run("insert into mine values (1)")
    other.run("insert into t values (2)")
    assert client.value("select count(*) from t") == 2
    assert client.value("select count(*) from mine") == 1
    client.run("commit")
    assert other.value("select count(*) from mine") == 1


def test_a_view_over_a_table_shows_what_others_committed(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "create table mine (a int)", "create view v as select a from t")
    client.run("begin", "insert into mine values (1)")
    assert client.value("select count(*) from v") == 0
    connect().run("insert into t values (1)")
    assert client.value("select count(*) from v") == 1
    client.run("rollback")


def test_others_do_not_see_what_is_not_committed(client: Client, connect: Connect) -> None:
    client.run("create table t (a int)", "begin", "insert into t values (1)")
    assert connect().rows("select * from t") == []
    client.run("rollback")


def test_merge_in_a_transaction_sees_rows_that_others_inserted_since(
    client: Client, connect: Connect
) -> None:
    client.run("create table fence (e int)", "insert into fence values (0)", "create table t (k int, v int)")
    client.run("begin", "update fence set e = 1 where e = 0")
    connect().run("insert into t values (1, 1)")
    client.run(
        "merge into t using (select 1 k, 2 v) s on t.k = s.k when matched then update set v = s.v "
        "when not matched then insert (k, v) values (s.k, s.v)",
        "commit",
    )
    assert client.rows("select * from t") == [(1, 2)]


def test_a_swap_lost_to_another_transaction_changes_no_row(client: Client, connect: Connect) -> None:
    client.run("create table fence (e int)", "insert into fence values (0)")
    other = connect()
    other.run("begin", "update fence set e = 1 where e = 0")
    changed: list[int] = []
    client.run("begin")
    waiter = threading.Thread(
        target=lambda: changed.append(client.count("update fence set e = 1 where e = 0"))
    )
    waiter.start()
    waiter.join(0.5)
    assert waiter.is_alive()
    other.run("commit")
    waiter.join(10)
    assert changed == [0]
    client.run("rollback")


def test_abort_from_another_session_ends_the_transaction_and_its_locks(
    client: Client, connect: Connect
) -> None:
    client.run("create table t (a int)", "insert into t values (1)", "begin", "update t set a = 2")
    transaction = client.value("select current_transaction()")
    other = connect()
    assert "aborted" in str(other.value(f"select system$abort_transaction({transaction})"))
    assert other.dicts(f"describe transaction {transaction}")[0]["state"] == "rolled_back"
    assert other.count("update t set a = 3") == 1
    client.error("insert into t values (9)")
    client.error("commit")
    client.run("rollback")
    assert client.rows("select * from t") == [(3,)]


def test_abort_of_an_unknown_transaction_fails(client: Client) -> None:
    assert "does not exist" in str(client.error("select system$abort_transaction(123)"))


def test_closing_the_session_rolls_back(client: Client, connect: Connect) -> None:
    other = connect()
    client.run("create table t (a int)", "insert into t values (1)")
    other.run("begin", "update t set a = 2")
    other.connection.close()
    assert client.count("update t set a = 3 where a = 1") == 1


def test_a_write_to_two_databases_in_one_transaction_is_refused(client: Client) -> None:
    client.run("create database if not exists OTHER", "create or replace table OTHER.PUBLIC.u (a int)")
    client.run(
        "create table TESTS.PUBLIC.two_databases (a int)", "begin", "insert into OTHER.PUBLIC.u values (1)"
    )
    assert "two databases in one transaction" in client.refused(
        "insert into TESTS.PUBLIC.two_databases values (1)"
    )
    client.run("commit")
    assert client.rows("select * from OTHER.PUBLIC.u") == [(1,)]
