"""Servers and connections for the readers' tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from include.headrace.demo.postgres_server import PostgresServer
from tests.support.postgres import start_postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server of the readers' tests; Airflow's connection ``shop_postgres`` leads to it."""
    server = start_postgres(tmp_path_factory.mktemp("readers"))
    os.environ["AIRFLOW_CONN_SHOP_POSTGRES"] = server.connection_json()
    yield server
    del os.environ["AIRFLOW_CONN_SHOP_POSTGRES"]
    server.stop()


@pytest.fixture
def sql(postgres: PostgresServer) -> Iterator[Callable[[str], object]]:
    """Run SQL in the server. Each test begins with an empty schema ``public``."""
    postgres.execute("drop schema if exists public cascade; create schema public")
    yield postgres.execute
