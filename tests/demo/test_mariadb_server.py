"""The MariaDB server of the demo and the tests: its data, its password, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import MySQLdb
import psutil
import pytest

from include.headrace.demo import mariadb_server
from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.server_process import HOST, USER, ServerError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MariadbServer]:
    # A home too deep for a socket, whose path may have 107 bytes.
    made = MariadbServer(tmp_path / ("deep" * 25) / "home").start()
    yield made
    made.stop()


def pid_of(server: MariadbServer) -> int:
    return int(json.loads((server.home / "process.json").read_text())["pid"])


def test_data_and_password_outlive_a_stop_and_a_crash(server: MariadbServer) -> None:
    password = server.password
    server.execute("create database d; create table d.t (a int); insert into d.t values (1)")
    server.stop()
    server.stop()
    assert not server.is_running
    port = server.start().port
    assert server.start().port == port, "a second start changes nothing"
    server.execute("insert into t values (%s)", (2,), database="d")
    server.kill()
    server.start()
    assert server.execute("select a from d.t order by a") == [(1,), (2,)]
    assert server.password == password


def test_a_server_left_behind_gives_way(server: MariadbServer) -> None:
    left = psutil.Process(pid_of(server))
    second = MariadbServer(server.home).start()
    try:
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert second.execute("select 1") == [(1,)]
    finally:
        second.stop()


def test_it_listens_on_loopback_alone_and_asks_for_the_password(server: MariadbServer) -> None:
    process = psutil.Process(pid_of(server))
    listening = {found.laddr.ip for found in process.net_connections() if found.status == "LISTEN"}
    assert listening == {HOST}
    for user, password in ((USER, "guess"), (USER, ""), ("root", ""), ("", "")):
        with pytest.raises(MySQLdb.OperationalError, match="Access denied"):
            MySQLdb.connect(host=HOST, port=server.port, user=user, passwd=password)
    assert (server.home / "password").stat().st_mode & 0o077 == 0
    assert server.password not in " ".join(process.cmdline())
    assert not any(server.password in path.read_text() for path in server.home.iterdir() if path.suffix)


def test_it_is_in_utc_and_utf_8(server: MariadbServer) -> None:
    asked = "select @@global.time_zone, @@global.character_set_server, %s"
    assert server.execute(asked, ("é😀",)) == [("+00:00", "utf8mb4", "é😀")]


def test_data_of_another_version_is_refused(server: MariadbServer) -> None:
    server.stop()
    marked = server.data / "mysql_upgrade_info"
    version = marked.read_text()
    marked.write_text("5.5.1-MariaDB")
    with pytest.raises(ServerError, match=r"was made by MariaDB 5\.5\.1-MariaDB"):
        server.start()
    marked.write_text(version)


def test_an_option_that_mariadb_does_not_know_is_told_with_the_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no-such-option"):
        MariadbServer(tmp_path, ["--no-such-option"]).start()


def test_a_machine_without_mariadb_is_told_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mariadb_server, "BINARY_FOLDERS", ())
    with pytest.raises(ServerError, match="Install mariadb-server-core"):
        MariadbServer(tmp_path)
