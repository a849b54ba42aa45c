"""The local Snowflake (emulated) under one run: the same data at each start, and a count of its queries."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

from include.headrace import settings
from include.headrace.demo.account import connect, prepare_account
from include.headrace.demo.environment import snowflake_connection
from include.headrace.demo.platform import START_SECONDS, listens
from include.headrace.demo.processes import Processes
from include.headrace.demo.server_process import USER, free_port

COUNT = "select count(*) from table(information_schema.query_history())"


class Warehouse:
    """An address that stays, so that an Airflow that was started goes on with it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.password = secrets.token_urlsafe(18)
        self._before = 0

    @property
    def login(self) -> dict[str, Any]:
        """How to reach it and sign in."""
        return {"port": self.port, "user": USER, "password": self.password}

    @property
    def connection(self) -> str:
        """The Airflow connection, as JSON."""
        return snowflake_connection(self.port, self.password)

    def start(self, processes: Processes, env: dict[str, str], begin_with: Path) -> None:
        """Start it over a copy of ``begin_with``, without what dbt built there; with nothing, where that
        does not exist."""
        shutil.rmtree(self.data, ignore_errors=True)
        if begin_with.exists():
            shutil.copytree(begin_with, self.data)
        command = [sys.executable, "-m", "include.headrace", "local-snowflake"]
        command += ["--port", str(self.port), "--data", str(self.data)]
        login = {"HEADRACE_LOCAL_SNOWFLAKE_USER": USER, "HEADRACE_LOCAL_SNOWFLAKE_PASSWORD": self.password}
        processes.start("local-snowflake", command, env | login, settings.PROJECT_ROOT)
        processes.wait_until("local-snowflake", lambda: listens(self.port), START_SECONDS)
        with connect(self.login) as connection:
            connection.cursor().execute(f"drop database if exists {settings.analytics_database()}")
        prepare_account(self.login)
        self._before = self._count()

    def queries(self) -> int:
        """How many statements it was sent since it was ready."""
        return self._count() - self._before - 1

    def _count(self) -> int:
        with connect(self.login) as connection:
            cursor = connection.cursor()
            cursor.execute(COUNT)
            [(count,)] = cursor.fetchall()
        return int(count)
