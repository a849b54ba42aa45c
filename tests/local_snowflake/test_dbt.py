from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local_snowflake.conftest import Client
from tests.support.snowflake import LocalSnowflake

PROJECT = Path(__file__).parent / "project"
INCREMENTAL = ("INC_MERGE", "INC_DELETEINSERT", "INC_APPEND", "INC_BATCHES")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dbt") / "project"
    shutil.copytree(PROJECT, folder)
    return folder


RUN = """
import json, sys
from dbt.cli.main import dbtRunner
runner = dbtRunner()
commands = json.loads(sys.argv[1])
sys.exit(not all(runner.invoke([*command, "--profiles-dir", "."]).success for command in commands))
"""


def dbt(server: LocalSnowflake, project: Path, *commands: list[str]) -> str:
    """Run dbt commands in one process, for its imports take longer than its work."""
    environment = {
        **os.environ,
        "EMULATOR_PORT": str(server.port),
        "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, json.dumps(commands)],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def _rows(client: Client, table: str) -> list[tuple[object, ...]]:
    return client.rows(f"select id, name from EMULATOR.STAGING.{table} order by id")


def test_dbt_builds_all_it_has_twice_and_documents_it(server: LocalSnowflake, project: Path) -> None:
    client = Client(server.connect())
    try:
        client.run(
            "create database EMULATOR",
            "create schema EMULATOR.RAW",
            "create table EMULATOR.RAW.EVENTS "
            "(id number(19,0), name varchar, amount number(10,2), at timestamp_ntz)",
            "insert into EMULATOR.RAW.EVENTS values (1, 'a', 1.5, '2024-02-01'), (2, 'b', 2.5, '2025-02-01')",
        )
        dbt(server, project, ["build"])
        for table in INCREMENTAL:
            assert client.rows(f"select id, name from EMULATOR.STAGING.{table} order by id") == [
                (1, "a"),
                (2, "b"),
            ]
        client.run(
            "insert into EMULATOR.RAW.EVENTS values (3, 'c', 1, '2026-01-15')",
            "update EMULATOR.RAW.EVENTS set name = 'changed' where id = 1",
        )
        dbt(server, project, ["build"], ["docs", "generate"])
        names = {
            table: client.rows(f"select id, name from EMULATOR.STAGING.{table} order by id")
            for table in INCREMENTAL
        }
        assert names.pop("INC_BATCHES")[-1] == (3, "c")
        assert set(map(tuple, names.values())) == {((1, "a"), (2, "b"), (3, "c"))}
        assert client.rows(
            "select id, name, dbt_valid_to is null from EMULATOR.STAGING_SNAPSHOTS.HISTORY "
            "order by id, dbt_valid_from"
        ) == [(1, "a", False), (1, "changed", True), (2, "b", True), (3, "c", True)]
        described = {row["name"]: row for row in client.dicts("describe table EMULATOR.STAGING.CONTRACTED")}
        assert (described["ID"]["null?"], described["ID"]["comment"]) == ("N", "key")
        assert described["BUILT_AT"]["type"] == "TIMESTAMP_LTZ(9)"
        tags = client.rows(
            "select distinct query_tag from table(information_schema.query_history()) "
            "where query_text ilike '%create or replace%contracted%'"
        )
        assert ("contracted",) in tags
        assert [
            row["name"]
            for row in client.dicts("show objects in EMULATOR.STAGING")
            if "DBT_TMP" in row["name"]
        ] == []
        catalog = (project / "target" / "catalog.json").read_text()
        assert "it's a view, $ and all".replace("$", "[$]") in catalog
    finally:
        client.connection.close()
