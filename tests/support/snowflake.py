"""The local Snowflake (emulated) as a process of a test: start, connect, kill, start again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.headrace.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

START_SECONDS = 60


@dataclass
class LocalSnowflake:
    """A running server. ``data`` is its folder, kept over ``restart``."""

    port: int
    data: Path
    process: subprocess.Popen[bytes]
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def connect(self, **settings: Any) -> SnowflakeConnection:
        """A connection of its own, with short time-outs."""
        import snowflake.connector

        login: dict[str, Any] = {
            "user": "headrace",
            "password": "any",
            "account": "local",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "login_timeout": 10,
            "network_timeout": 60,
            # Otherwise each sign-in asks the clouds' metadata services whose machine it is on.
            "platform_detection_timeout_seconds": 0.0,
        }
        return snowflake.connector.connect(**{**login, **settings})

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same data and port."""
        self.stop()
        self.process = _start(self.port, self.data, self.options, self.environment)


def airflow_connection(port: int) -> str:
    """An Airflow connection to the local Snowflake, or a proxy before it, at a port of loopback; as JSON."""
    extra = {
        "account": "local",
        "host": "127.0.0.1",
        "port": port,
        "protocol": "http",
        "warehouse": "LOADING",
    }
    return json.dumps({"conn_type": "snowflake", "login": "headrace", "password": "any", "extra": extra})


def start_local_snowflake(
    data: Path, *options: str, environment: dict[str, str] | None = None
) -> LocalSnowflake:
    """A server on a free loopback port with its data in ``data``, ready for sign-in.

    ``options`` are further arguments of the server, ``environment`` is added to the test's own.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return LocalSnowflake(
        port, data, _start(port, data, options, environment or {}), options, environment or {}
    )


def _start(
    port: int, data: Path, options: tuple[str, ...], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "include.headrace.local_snowflake",
        "--port",
        str(port),
        "--data",
        str(data),
    ]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_LOCAL_SNOWFLAKE_")}
    process = subprocess.Popen([*command, *options], cwd=PROJECT_ROOT, env={**inherited, **environment})
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"the local Snowflake did not start (exit status {process.poll()})")
