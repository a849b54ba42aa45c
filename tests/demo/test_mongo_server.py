"""The MongoDB server of the demo and the tests: its data, its password, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.server_process import HOST, ServerError
from tests.support.mongo import start_mongo


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    made = start_mongo(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


def process_of(server: MongoServer) -> psutil.Process:
    return psutil.Process(json.loads((server.home / "process.json").read_text())["pid"])


def test_data_and_password_outlive_a_stop_and_a_crash(server: MongoServer) -> None:
    password = server.password
    with server.client() as client:
        client["shop"]["items"].insert_one({"_id": 1})
    server.stop()
    assert not server.is_running
    server.stop()
    server.start()
    server.kill()
    assert not server.is_running
    server.start()
    with server.client() as client:
        assert list(client["shop"]["items"].find()) == [{"_id": 1}]
    assert server.password == password


def test_a_server_left_behind_gives_way(server: MongoServer) -> None:
    left = process_of(server)
    second = MongoServer(server.home).start()
    try:
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        with second.client() as client:
            client.admin.command("ping")
    finally:
        second.stop()
    server.start()


def test_it_listens_on_loopback_alone_and_asks_for_the_password(server: MongoServer) -> None:
    listening = process_of(server).net_connections()
    assert {one.laddr.ip for one in listening if one.status == "LISTEN"} == {HOST}
    assert {one.laddr.port for one in listening if one.status == "LISTEN"} == {server.port}
    address = f"mongodb://{HOST}:{server.port}/"
    with MongoClient[dict[str, object]](address) as nobody, pytest.raises(OperationFailure):
        nobody["shop"]["items"].find_one()
    with (
        MongoClient[dict[str, object]](address, username="headrace", password="guess") as guest,
        pytest.raises(OperationFailure, match="authentication failed"),
    ):
        guest["shop"]["items"].find_one()
    assert (server.home / "password").stat().st_mode & 0o077 == 0
    assert server.password not in " ".join(process_of(server).cmdline())


def test_a_first_start_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    server = MongoServer(tmp_path)
    server.data.mkdir()
    (server.data / "WiredTiger").write_text("half of a data folder")
    try:
        with server.start().client() as client:
            client.admin.command("ping")
    finally:
        server.stop()


def test_a_server_that_does_not_start_shows_its_log(server: MongoServer) -> None:
    broken = MongoServer(server.home, ("--no-such-option",))
    try:
        with pytest.raises(ServerError, match=r"(?s)did not start.*no-such-option") as caught:
            broken.start()
        assert server.password not in str(caught.value)
    finally:
        server.start()


def test_a_port_can_be_asked_for(server: MongoServer) -> None:
    port = server.port
    server.stop()
    assert server.start(port).port == port
    with (
        pytest.raises(PyMongoError),
        MongoClient[dict[str, object]](
            HOST, port, username="headrace", password="guess", serverSelectionTimeoutMS=1000
        ) as guest,
    ):
        guest["shop"]["items"].find_one()
