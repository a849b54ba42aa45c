"""The real demo, run twice by its command in a folder of its own; the marts are read after each run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include.headrace.settings import PROJECT_ROOT
from tests.support.snowflake import start_local_snowflake

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

DEMO_SECONDS = 900
"""A demo that hangs ends its test; this bounds no speed."""

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of each fixture runs a whole demo, beside whatever else runs."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(2 * DEMO_SECONDS))


@dataclass(frozen=True)
class DemoRun:
    """One finished ``headrace demo``: its folder, exit status and what it printed."""

    folder: Path
    returncode: int
    output: str


def _run(folder: Path) -> DemoRun:
    done = subprocess.run(
        [sys.executable, "-m", "include.headrace", "demo"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "HEADRACE_LOCAL_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    return DemoRun(folder, done.returncode, done.stdout)


@pytest.fixture(scope="session")
def first_demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    return _run(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def first_marts(first_demo: DemoRun) -> dict[str, list[tuple[object, ...]]]:
    """Every mart's rows after the first run, read before the second begins."""
    server = start_local_snowflake(first_demo.folder / "snowflake")
    try:
        return marts(server.connect())
    finally:
        server.stop()


@pytest.fixture(scope="session")
def second_demo(first_demo: DemoRun, first_marts: dict[str, list[tuple[object, ...]]]) -> DemoRun:
    return _run(first_demo.folder)


@pytest.fixture(scope="session")
def demo_warehouse(second_demo: DemoRun) -> Iterator[SnowflakeConnection]:
    """The local Snowflake on what two runs of the demo left."""
    server = start_local_snowflake(second_demo.folder / "snowflake")
    yield server.connect()
    server.stop()


def marts(connection: SnowflakeConnection) -> dict[str, list[tuple[object, ...]]]:
    """Each mart's rows, sorted, without what says which load brought them."""
    cursor = connection.cursor()
    found = cursor.execute(
        "SELECT table_name FROM ANALYTICS.information_schema.tables WHERE table_schema = 'MARTS' ORDER BY 1"
    )
    assert found is not None
    result: dict[str, list[tuple[object, ...]]] = {}
    for (name,) in found.fetchall():
        columns = connection.cursor().execute(
            "SELECT column_name FROM ANALYTICS.information_schema.columns "
            "WHERE table_schema = 'MARTS' AND table_name = %s "
            "AND column_name NOT IN ('LOAD_ID', 'LOADED_AT') ORDER BY 1",
            (name,),
        )
        assert columns is not None
        listed = ", ".join(f'"{column}"' for (column,) in columns.fetchall())
        rows = connection.cursor().execute(f'SELECT {listed} FROM ANALYTICS.MARTS."{name}"')
        assert rows is not None
        result[name] = sorted((tuple(row) for row in rows.fetchall()), key=repr)
    return result
