from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow_runs.small_platform import HERE, SmallPlatform
from tests.support.snowflake import start_local_snowflake

PROFILES = HERE.parent / "transform" / "project" / "profiles.yml"
SETUP = (
    "create database SHOP",
    "create database RAW",
    "create warehouse HEADRACE",
    "create database SHOP_RAW",
    "create schema SHOP_RAW.TILL",
    "create table SHOP_RAW.TILL.ORDERS (ID number, AMOUNT number)",
    "create table SHOP_RAW.TILL.SWITCHES (NAME varchar)",
)
SALES = """
create table sales (id integer, amount integer, sold_at timestamp);
insert into sales values
    (1, 10, '2013-07-01 09:00'), (2, 20, '2013-07-02 09:00'), (3, 30, '2013-07-02 10:00'),
    (4, 40, '2013-07-03 09:00');
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test starts an Airflow, beside whatever else runs."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallPlatform]:
    """A running Airflow with the local Snowflake and a source."""
    home = tmp_path_factory.mktemp("till")
    project = Path(shutil.copytree(HERE / "project", home / "project"))
    shutil.copy(PROFILES, project)
    snowflake = start_local_snowflake(tmp_path_factory.mktemp("snowflake"))
    try:
        made = SmallPlatform(home, project, snowflake)
        made.run_sql(*SETUP)
        try:
            made.start(SALES)
            yield made
        finally:
            made.stop()
    finally:
        snowflake.stop()
