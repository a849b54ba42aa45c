"""Servers and connections for the readers' tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.collection import Collection

from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.postgres_server import PostgresServer
from tests.support.mongo import start_mongo
from tests.support.postgres import start_postgres
from tests.support.scripted_api import ScriptedApi


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


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB server of the readers' tests; Airflow's connection ``shop_mongo`` leads to it."""
    server = start_mongo(tmp_path_factory.mktemp("readers"), "--enable-test-commands")
    os.environ["AIRFLOW_CONN_SHOP_MONGO"] = server.connection_json("shop")
    yield server
    del os.environ["AIRFLOW_CONN_SHOP_MONGO"]
    server.stop()


@pytest.fixture
def collection(mongo: MongoServer) -> Iterator[Collection[dict[str, Any]]]:
    """The collection ``items`` of the database ``shop``. Each test begins with an empty database."""
    with mongo.client() as client:
        client.drop_database("shop")
        yield client["shop"]["items"]


@pytest.fixture(scope="session")
def scripted_api() -> Iterator[ScriptedApi]:
    """A server whose answers a test scripts."""
    api = ScriptedApi().start()
    yield api
    api.stop()


@pytest.fixture
def api(scripted_api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> ScriptedApi:
    """That server, nothing asked and scripted yet; Airflow's connection ``shop_api`` leads to it."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", scripted_api.connection())
    return scripted_api.forget()
