"""PostgreSQL through an SSH tunnel: all rows or a clear error, and only past a host whose key is known."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from include.headrace.config import PostgresSource, PostgresTable
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers import reader_for
from include.headrace.readers.base import Reader, Span
from include.headrace.readers.reaching import reached
from tests.support.reading import read
from tests.support.ssh_server import PASSWORD, SSHD, SshHost, connection_json, sshd

ROWS = 150_000
TEXT = "x" * 100


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    host = SshHost(tmp_path_factory.mktemp("ssh")).start()
    yield host
    host.stop()


@pytest.fixture
def bastion(ssh: SshHost, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the Airflow connection ``bastion``, which leads to the SSH host by key unless set otherwise."""

    def use(value: str) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_BASTION", value)

    use(ssh.connection_json())
    return use


def tunnelled(connection: str = "shop_postgres", name: str = "items") -> Reader:
    table = PostgresTable(name=name)
    source = PostgresSource(
        name="shop", kind="postgres", connection=connection, tunnel="bastion", tables=(table,)
    )
    return reader_for(source, table)


@pytest.fixture
def items(sql: Callable[..., Any]) -> int:
    """A view of 150,000 rows, about 17 MB; the sum of its ids."""
    sql(f"create view items as select g as id, '{TEXT}'::text as t from generate_series(1, {ROWS}) g")
    return ROWS * (ROWS + 1) // 2


def assert_all_rows(expected: int) -> None:
    found = read(tunnelled()).table
    assert found.num_rows == ROWS
    assert sum(found["id"].to_pylist()) == expected
    assert set(found["t"].to_pylist()) == {TEXT}


def test_a_table_is_read_whole_through_the_tunnel(
    items: int, bastion: Callable[[str], None], ssh: SshHost, postgres: PostgresServer
) -> None:
    ssh.forwarded.clear()
    assert_all_rows(items)
    assert set(ssh.forwarded) == {("127.0.0.1", postgres.port)}


def test_the_address_is_the_one_that_the_ssh_host_sees(
    items: int,
    bastion: Callable[[str], None],
    ssh: SshHost,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = json.loads(postgres.connection_json())
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_POSTGRES", json.dumps({**fields, "host": "db.internal"}))
    with pytest.raises(PassingError, match=r"SSH host of connection 'bastion' cannot reach db\.internal:"):
        read(tunnelled())
    monkeypatch.setitem(ssh.names, "db.internal", "127.0.0.1")
    assert_all_rows(items)


@pytest.mark.skipif(SSHD is None, reason="this machine has no sshd")
def test_openssh_serves_the_tunnel_too(items: int, bastion: Callable[[str], None], tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd") as connection:
        bastion(connection)
        assert_all_rows(items)
        with (
            pytest.raises(PassingError, match=r"cannot reach 127\.0\.0\.1:"),
            reached("bastion", "127.0.0.1", free_port()),
        ):
            pass


def test_a_password_signs_in_too(items: int, bastion: Callable[[str], None], ssh: SshHost) -> None:
    bastion(connection_json(ssh.user, ssh.port, {"host_key": ssh.host_key}, PASSWORD))
    assert_all_rows(items)


def test_a_private_key_in_the_connection_signs_in_too(
    items: int, bastion: Callable[[str], None], ssh: SshHost
) -> None:
    extra = {"host_key": ssh.host_key, "private_key": ssh.client_key.read_text()}
    bastion(connection_json(ssh.user, ssh.port, extra))
    assert_all_rows(items)


def refused(match: str) -> str:
    with pytest.raises(SourceError, match=match) as error, reached("bastion", "127.0.0.1", 1):
        pass
    return str(error.value)


def test_a_wrong_login_is_permanent_and_not_told(
    bastion: Callable[[str], None], ssh: SshHost, tmp_path: Path
) -> None:
    known = {"host_key": ssh.host_key}
    bastion(connection_json(ssh.user, ssh.port, known, "hunter2-wrong"))
    assert "hunter2" not in refused("user 'headrace' could not sign in")
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    bastion(connection_json(ssh.user, ssh.port, {**known, "private_key": stranger}))
    said = refused("user 'headrace' could not sign in")
    assert not any(line in said for line in stranger.splitlines())
    bastion(connection_json(ssh.user, ssh.port, known))
    refused("neither a password nor a key|could not sign in")
    bastion(connection_json(ssh.user, ssh.port, {**known, "private_key": "hunter2\nhunter2"}))
    assert "hunter2" not in refused("not complete or right")
    bastion(connection_json(ssh.user, ssh.port, {**known, "key_file": str(tmp_path / "absent")}))
    refused("cannot read its key file")


def test_an_unknown_host_key_is_refused_before_the_password_is_sent(
    bastion: Callable[[str], None], ssh: SshHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    bastion(connection_json(ssh.user, ssh.port, {}, PASSWORD))
    refused("the host's key is not known")
    bastion(connection_json(ssh.user, ssh.port, {"no_host_key_check": "false"}, PASSWORD))
    refused("the host's key is not known")
    bastion(connection_json(ssh.user, ssh.port, {"allow_host_key_change": "true"}, PASSWORD))
    refused("allow_host_key_change")


def test_another_host_key_is_refused(bastion: Callable[[str], None], ssh: SshHost) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    bastion(connection_json(ssh.user, ssh.port, {"host_key": other}, PASSWORD))
    refused("another key")


def test_known_hosts_and_an_outspoken_no_let_the_host_pass(
    items: int,
    bastion: Callable[[str], None],
    ssh: SshHost,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    bastion(connection_json(ssh.user, ssh.port, {"no_host_key_check": "true"}, PASSWORD))
    assert_all_rows(items)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{ssh.port} {ssh.host_key}\n")
    bastion(connection_json(ssh.user, ssh.port, {}, PASSWORD))
    assert_all_rows(items)


def test_no_such_connection_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_BASTION", raising=False)
    refused("no Airflow connection 'bastion'.*AIRFLOW_CONN_BASTION")


def test_a_host_that_is_down_may_come_back(bastion: Callable[[str], None], ssh: SshHost) -> None:
    bastion(connection_json(ssh.user, free_port(), {"host_key": ssh.host_key}, PASSWORD))
    with pytest.raises(PassingError, match="Is the host up"), reached("bastion", "127.0.0.1", 1):
        pass


def test_forwarding_that_is_forbidden_is_permanent(
    bastion: Callable[[str], None], ssh: SshHost, postgres: PostgresServer
) -> None:
    ssh.forbidden.add(postgres.port)
    try:
        with pytest.raises(SourceError, match=rf"forbids forwarding to 127\.0\.0\.1:{postgres.port}"):
            read(tunnelled())
    finally:
        ssh.forbidden.clear()


def test_a_tunnel_that_is_cut_in_mid_read_is_not_the_end_of_the_table(
    items: int, bastion: Callable[[str], None], ssh: SshHost
) -> None:
    with (
        pytest.raises(PassingError, match="SSH host of connection 'bastion' was lost"),
        tunnelled().open(Span()) as extraction,
    ):
        pieces = extraction.pieces()
        assert next(pieces).rows.num_rows < ROWS
        ssh.cut()
        for _ in pieces:
            pass


def test_an_error_that_is_not_the_tunnel_s_stays_what_it_is(
    items: int, bastion: Callable[[str], None]
) -> None:
    with pytest.raises(SourceError, match="no_such_table"):
        read(tunnelled(name="no_such_table"))


class Echo:
    """A server that answers each connection with all it was sent, once the client has finished."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.sendall(received(connection))

    def close(self) -> None:
        self._socket.close()


def received(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


def test_many_connections_are_served_at_once_each_with_its_own_bytes(
    bastion: Callable[[str], None], echo: Echo
) -> None:
    count = 20
    with reached("bastion", "127.0.0.1", echo.port) as address:
        clients = [socket.create_connection(address, timeout=30) for _ in range(count)]
        for number, client in enumerate(clients):
            client.sendall(bytes([number]) * 300_000)
        # From the last to the first: none may wait for another.
        for number, client in reversed(list(enumerate(clients))):
            client.shutdown(socket.SHUT_WR)
            assert received(client) == bytes([number]) * 300_000
            client.close()


def test_nothing_listens_after_the_block(bastion: Callable[[str], None], echo: Echo) -> None:
    with reached("bastion", "127.0.0.1", echo.port) as address:
        left_open = socket.create_connection(address, timeout=30)
        left_open.sendall(b"x")
    with suppress(ConnectionResetError):
        assert left_open.recv(1) == b""
    left_open.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=30)


def test_a_cut_is_seen_as_a_reset_and_not_as_an_end(
    bastion: Callable[[str], None], ssh: SshHost, echo: Echo
) -> None:
    with (
        pytest.raises(PassingError, match="was lost") as error,
        reached("bastion", "127.0.0.1", echo.port) as address,
        socket.create_connection(address, timeout=30) as client,
    ):
        client.sendall(b"x")
        ssh.cut()
        client.recv(1)
    assert isinstance(error.value.__cause__, ConnectionResetError)


def test_without_a_tunnel_the_address_is_the_source_s_own() -> None:
    with reached(None, "db.example.com", 5432) as address:
        assert address == ("db.example.com", 5432)
