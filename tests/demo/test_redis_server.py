"""The Redis server of the demo: its queues, its password, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from include.headrace.demo import redis_server
from include.headrace.demo.redis_server import RedisServer
from include.headrace.demo.server_process import HOST, ServerError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path / 'a "folder" of ours').start()
    yield made
    made.stop()


def client(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def process_of(server: RedisServer) -> psutil.Process:
    return psutil.Process(json.loads((server.home / "process.json").read_text())["pid"])


def test_what_is_queued_and_the_password_outlive_a_stop_and_a_crash(server: RedisServer) -> None:
    password = server.password
    client(server).rpush("default", "first")
    server.stop()
    server.stop()
    assert not server.is_running
    port = server.start().port
    assert server.start().port == port, "a second start changes nothing"
    client(server).rpush("default", "second")
    server.kill()
    server.start()
    assert client(server).lrange("default", 0, -1) == [b"first", b"second"]
    assert server.password == password


def test_a_server_left_behind_gives_way(server: RedisServer) -> None:
    left = process_of(server)
    second = RedisServer(server.home).start()
    try:
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert client(second).ping()
    finally:
        second.stop()


def test_it_listens_on_loopback_alone_and_asks_for_the_password(server: RedisServer) -> None:
    process = process_of(server)
    listening = {found.laddr.ip for found in process.net_connections() if found.status == "LISTEN"}
    assert listening == {HOST}
    for password in (None, "guess"):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(host=HOST, port=server.port, password=password).ping()
    assert server.password not in " ".join(process.cmdline())
    for name in ("password", "redis.conf"):
        assert (server.home / name).stat().st_mode & 0o777 == 0o600


def test_a_port_that_is_taken_is_named_in_the_error(server: RedisServer, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"did not start(?s:.*)Address already in use"):
        RedisServer(tmp_path / "other").start(server.port)


def test_a_machine_without_redis_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "PROGRAMS", ("no-such-redis",))
    RedisServer(tmp_path / "redis").stop()
    with pytest.raises(ServerError, match=r"no-such-redis is missing. Install redis-tools \(apt-get\)"):
        RedisServer(tmp_path / "redis").start()
