from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from include.headrace.settings import DBT_DIR
from include.headrace.transform.manifest import bake, manifest_path
from include.headrace.transform.profile import PLACEHOLDERS
from tests.support.snowflake import LocalSnowflake, start_local_snowflake
from tests.transform import warm

SAMPLE = Path(__file__).parent / "project"

RAW = (
    "create database SHOP",
    "create database RAW",
    "create database PRODUCTION",
    "create database SHOP_RAW",
    "create schema SHOP_RAW.SHOP",
    "create table SHOP_RAW.SHOP.CUSTOMERS (ID varchar, COUNTRY varchar, _LOADED_AT timestamp_ntz)",
    "create table SHOP_RAW.SHOP.ORDERS (ID varchar, CUSTOMER_ID varchar, AMOUNT varchar)",
    "insert into SHOP_RAW.SHOP.CUSTOMERS values"
    " ('7', 'DE', '2013-01-01'), ('8', 'FR', '2013-01-01'), ('9', 'FR', '2013-01-01')",
    # No customer is 99, customer 9 has no order, and one amount is missing.
    "insert into SHOP_RAW.SHOP.ORDERS values ('1', '7', '12'), ('2', '99', '5'), ('3', '8', null)",
)


@dataclass
class Project:
    """A copy of a dbt project, with its manifest baked."""

    folder: Path
    manifest: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bake("local", self.folder)
        self.manifest = json.loads(manifest_path(self.folder).read_text())


def copy_of(source: Path, folder: Path) -> Path:
    """Copy a project without what dbt made."""
    return Path(shutil.copytree(source, folder, ignore=shutil.ignore_patterns("target", "logs", ".user.yml")))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project of these tests, which holds every kind of test."""
    return Project(copy_of(SAMPLE, tmp_path_factory.mktemp("sample") / "project"))


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project's own dbt project."""
    return Project(copy_of(DBT_DIR, tmp_path_factory.mktemp("own") / "project"))


@pytest.fixture(scope="session")
def snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSnowflake]:
    """A local Snowflake with the raw tables that the sample project reads."""
    server = start_local_snowflake(tmp_path_factory.mktemp("snowflake"))
    try:
        with server.connect() as connection:
            for statement in RAW:
                connection.cursor().execute(statement)
        yield server
    finally:
        server.stop()


@pytest.fixture
def dbt_env(snowflake: LocalSnowflake) -> dict[str, str]:
    """The environment of a run of dbt against the local Snowflake."""
    return {**os.environ, **PLACEHOLDERS, "SNOWFLAKE_ACCOUNT": "local", "SNOWFLAKE_PORT": str(snowflake.port)}


@pytest.fixture(scope="session")
def endless_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project with a model whose query does not end, and with a home for its parsed manifest."""
    folder = copy_of(SAMPLE, tmp_path_factory.mktemp("endless") / "project")
    (folder / "models" / "marts" / "endless.sql").write_text(warm.ENDLESS)
    (folder / "macros" / "show.sql").write_text(warm.SHOW)
    return folder


@pytest.fixture
def endless(
    endless_project: Path,
    snowflake: LocalSnowflake,
    dbt_env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> warm.Endless:
    """That project; its model was built once, with the total 1."""
    monkeypatch.setenv("AIRFLOW_HOME", str(endless_project.parent / "home"))
    with snowflake.connect() as connection:
        connection.cursor().execute("create schema if not exists SHOP.MARTS")
        connection.cursor().execute("create or replace table SHOP.MARTS.ENDLESS as select 1 as TOTAL")
    made = warm.Endless(endless_project, tmp_path, dbt_env, snowflake)
    made.begun = len(made.queries())
    return made


@pytest.fixture(scope="session")
def workers(endless_project: Path) -> Iterator[Path]:
    """The folder of these tests' warm workers, which end with the tests."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        for worker in warm.workers_of(Path(folder)):
            worker.kill()
