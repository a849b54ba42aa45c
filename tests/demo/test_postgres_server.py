"""The PostgreSQL server of the demo and the tests: its data, its password, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.server_process import HOST, ServerError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    made = PostgresServer(tmp_path / "home").start()
    yield made
    made.stop()


def test_data_and_password_outlive_a_stop_and_a_crash(server: PostgresServer) -> None:
    password = server.password
    server.execute("create table t (a int); insert into t values (1)")
    server.stop()
    server.stop()
    server.start()
    server.execute("insert into t values (2)")
    server.kill()
    server.start()
    assert server.execute("select a from t order by a") == [(1,), (2,)]
    assert server.password == password


def test_a_server_left_behind_gives_way(server: PostgresServer) -> None:
    left = psutil.Process(int((server.data / "postmaster.pid").read_text().splitlines()[0]))
    second = PostgresServer(server.home).start()
    try:
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert second.execute("select 1") == [(1,)]
    finally:
        second.stop()


def test_it_listens_on_loopback_alone_and_asks_for_the_password(server: PostgresServer) -> None:
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    listening = psutil.Process(pid).net_connections()
    assert {connection.laddr.ip for connection in listening if connection.status == "LISTEN"} == {HOST}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn.replace(server.password, "guess"))
    assert (server.home / "password").stat().st_mode & 0o077 == 0


def test_data_of_another_version_is_refused(server: PostgresServer) -> None:
    server.stop()
    version = (server.data / "PG_VERSION").read_text()
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerError, match="was made by PostgreSQL 9"):
        server.start()
    (server.data / "PG_VERSION").write_text(version)
