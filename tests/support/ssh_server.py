"""SSH servers for tests: OpenSSH's where the machine has it, and asyncssh's, which can be cut at will."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from include.headrace.demo.server_process import free_port

PASSWORD = "hunter2-tunnel"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
START_SECONDS = 20


class SshHost:
    """An SSH server of loopback with keys of its own below ``folder``, for the user ``headrace``.

    It takes the client's key and ``PASSWORD``, knows the hosts in ``names`` by other names, and forwards to
    the ports that ``forbidden`` lacks.
    """

    user = "headrace"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.client_key = folder / "client"
        self._client = asyncssh.generate_private_key("ssh-ed25519")
        self._host = asyncssh.generate_private_key("ssh-ed25519")
        self._client.write_private_key(self.client_key)
        self.client_key.chmod(0o600)
        self.names: dict[str, str] = {}
        self.forbidden: set[int] = set()
        self.forwarded: list[tuple[str, int]] = []
        self.port = 0
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def host_key(self) -> str:
        """The host's public key, as known_hosts and ``host_key`` have it."""
        return " ".join(self._host.export_public_key().decode().split()[:2])

    def connection_json(self, **extra: Any) -> str:
        """The value of an ``AIRFLOW_CONN_*`` variable: signs in by key and knows the host's."""
        return connection_json(
            self.user, self.port, {"key_file": str(self.client_key), "host_key": self.host_key, **extra}
        )

    def start(self) -> SshHost:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START_SECONDS)
        return self

    async def _listen(self) -> int:
        self._acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[self._host], server_factory=lambda: _Session(self)
        )
        return int(self._acceptor.get_port())

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        return bool(key.public_data == self._client.public_data)

    def joined(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.add(connection)

    def left(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.discard(connection)

    def cut(self) -> None:
        """Break every SSH connection, without a word."""
        asyncio.run_coroutine_threadsafe(self._abort(), self._loop).result(START_SECONDS)

    async def _abort(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    def stop(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._acceptor.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()


class _Session(asyncssh.SSHServer):
    def __init__(self, host: SshHost) -> None:
        self._host = host

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._host.joined(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.left(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == self._host.user and password == PASSWORD

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._host.user and self._host.accepts(key)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        self._host.forwarded.append((dest_host, dest_port))
        if dest_port in self._host.forbidden:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "not for you")
        return self._connection.forward_connection(self._host.names.get(dest_host, dest_host), dest_port)


def connection_json(user: str, port: int, extra: dict[str, Any], password: str | None = None) -> str:
    """The value of an ``AIRFLOW_CONN_*`` variable of type ssh. Keys in the home folder are not tried."""
    return json.dumps(
        {
            "conn_type": "ssh",
            "host": "127.0.0.1",
            "port": port,
            "login": user,
            "password": password,
            "extra": {"look_for_keys": "false", **extra},
        }
    )


@contextmanager
def sshd(folder: Path) -> Iterator[str]:
    """OpenSSH's server for this process's own user, by key; the ``AIRFLOW_CONN_*`` value that leads to it."""
    assert SSHD is not None
    folder.mkdir(parents=True, exist_ok=True)
    host, client, port = folder / "host", folder / "client", free_port()
    for path in (host, client):
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
        path.chmod(0o600)
    public = {
        path: asyncssh.read_private_key(path).export_public_key().decode().strip() for path in (host, client)
    }
    (folder / "authorized_keys").write_text(public[client] + "\n")
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host,
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        # Where root's sshd locks up its unprivileged half; the service makes it when the machine starts.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=log)
    try:
        _wait(process, port, folder / "log")
        extra = {"key_file": str(client), "host_key": " ".join(public[host].split()[:2])}
        yield connection_json(getpass.getuser(), port, extra)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")
