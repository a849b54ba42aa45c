"""The local Snowflake (emulated) for the bench: started with new data each time, asked what a load left."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.places import SERVERS
from include.headrace import settings
from include.headrace.demo.account import connect, prepare_account
from include.headrace.demo.environment import snowflake_connection
from include.headrace.demo.server_process import (
    HOST,
    START_SECONDS,
    USER,
    ServerError,
    ServerProcess,
    free_port,
)


class LocalSnowflake(ServerProcess):
    """The server below ``home``. Its data is another each time, so that no load finds an earlier one's."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.password = secrets.token_urlsafe(18)

    def start(self) -> LocalSnowflake:
        """Start it and wait until it answers. Raises ServerError when it does not within 60 seconds."""
        self._stop_leftover()
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.port = free_port()
        command = [sys.executable, "-W", "ignore", "-m", "include.headrace.local_snowflake"]
        command += ["--port", str(self.port), "--data", str(self.home / "data")]
        login = {"HEADRACE_LOCAL_SNOWFLAKE_USER": USER, "HEADRACE_LOCAL_SNOWFLAKE_PASSWORD": self.password}
        self._run(command, cwd=settings.PROJECT_ROOT, env={**os.environ, **login})
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.is_running:
            with suppress(OSError), socket.create_connection((HOST, self.port), 1):
                prepare_account(self.login)
                self._ask(f"CREATE STAGE {self.stage}")
                return self
            time.sleep(0.05)
        self.stop()
        raise ServerError(f"The local Snowflake did not start. The end of {self.log}:\n{self._tail()}")

    @property
    def login(self) -> dict[str, Any]:
        """What the demo's account wants to know."""
        return {"port": self.port, "user": USER, "password": self.password}

    def option(self) -> dict[str, Any]:
        """What a job says of the server."""
        return {
            **self.login,
            "host": HOST,
            "account": "local",
            "database": settings.raw_database(),
            "connection": snowflake_connection(self.port, self.password),
            "stage": self.stage,
        }

    def fetch(self, table: str, folder: Path) -> None:
        """Write the rows of a table of RAW, named with its schema, to a Parquet file in ``folder``."""
        with connect(self.login) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {settings.raw_database()}.{table}")
            found = cursor.fetch_arrow_all(force_return_table=True)
        assert isinstance(found, pa.Table)
        pq.write_table(found, folder / "raw.parquet")

    def count(self, table: str) -> int:
        """The rows of such a table."""
        [found] = self._ask(f"SELECT COUNT(*) FROM {settings.raw_database()}.{table}")
        return int(found[0])

    @property
    def stage(self) -> str:
        """A stage for peers that bring none."""
        return f"{settings.raw_database()}.PUBLIC.BENCH"

    def _ask(self, statement: str) -> list[Any]:
        with connect(self.login) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@contextmanager
def local_snowflake(home: Path = SERVERS) -> Iterator[LocalSnowflake]:
    """A running local Snowflake, stopped and removed at the end."""
    server = LocalSnowflake(home / "snowflake")
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)
