"""A Redis server of one's own: its own data folder, loopback only, a password, any free port.

The binary is that of the machine. Debian's redis-tools holds it under the name of its checker, which is the
whole server when it is called by the server's name; its package redis-server would only add a service.
"""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

from include.headrace.demo.private_file import owner_only
from include.headrace.demo.server_process import (
    HOST,
    START_SECONDS,
    ServerError,
    ServerProcess,
    free_port,
)

NAME = "redis-server"
PROGRAMS = (NAME, "valkey-server", "redis-check-rdb")

WORTH_A_RETRY = "Could not create server TCP listening socket"
"""What the log says when the port was taken a moment ago."""

SETTINGS = """\
bind {host}
port {port}
requirepass {password}
dir "{data}"
databases 1
daemonize no
save ""
appendonly yes
appendfsync everysec
"""
"""What was queued outlives the server: Airflow waits for ten minutes for a task whose message is lost."""


def binary() -> Path:
    """The server's program. Raises ServerError, naming the package, when there is none."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise ServerError(
        f"No Redis: {' or '.join(PROGRAMS)} is missing. Install redis-tools (apt-get), or redis (brew)."
    )


class RedisServer(ServerProcess):
    """A server below ``home``: ``data`` holds the queues, ``password`` and ``server.log`` lie beside it.

    ``start`` makes the data the first time and keeps it afterwards; ``stop`` leaves it. A server
    that an earlier process left behind is stopped before a new one starts.
    """

    @property
    def password(self) -> str:
        """The password: made at the first start, then read from ``home``."""
        return (self.home / "password").read_text()

    @property
    def url(self) -> str:
        """The URL of its one database, as Celery reads it. It holds the password."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def start(self, port: int = 0) -> RedisServer:
        """Start the server and wait until it answers. ``port`` 0 takes any free one.

        Raises ServerError when there is no Redis, or when it cannot start within 60 seconds.
        """
        program = binary()
        data = self.home / "data"
        data.mkdir(parents=True, exist_ok=True)
        if self.is_running:
            return self
        self._stop_leftover()
        if not (self.home / "password").exists():
            owner_only(self.home / "password", secrets.token_urlsafe(24))
        for _ in range(3):
            self.port = port or free_port()
            quoted = str(data).replace("\\", "\\\\").replace('"', '\\"')
            text = SETTINGS.format(host=HOST, port=self.port, password=self.password, data=quoted)
            owner_only(self.home / "redis.conf", text)
            self._run([NAME, str(self.home / "redis.conf")], executable=str(program))
            if self._wait():
                return self
            if WORTH_A_RETRY not in self._log_text():
                break
            time.sleep(1)
        raise ServerError(f"Redis did not start. The end of {self.log}:\n{self._tail()}")

    def _wait(self) -> bool:
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                return False
            # The line comes once the data of the last run is read.
            if "Ready to accept connections" in self._log_text():
                return True
            time.sleep(0.05)
        self.stop()
        return False
