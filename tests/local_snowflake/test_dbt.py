from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
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
for line in sys.stdin:
    done = runner.invoke([*json.loads(line), "--profiles-dir", "."])
    print(f"ENDED {done.success}", flush=True)
"""


class Dbt:
    """dbt in one process of its own, for its imports take longer than its work."""

    def __init__(self, server: LocalSnowflake, project: Path) -> None:
        environment = {
            **os.environ,
            "EMULATOR_PORT": str(server.port),
            "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RUN],
            cwd=project,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str) -> None:
        """Run one command to its end; its output is shown when it fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        said: list[str] = []
        for line in self.process.stdout:
            if line.startswith("ENDED "):
                assert line == "ENDED True\n", "".join(said)[-6000:]
                return
            said.append(line)
        raise AssertionError("dbt ended: " + "".join(said)[-6000:])

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def dbt(server: LocalSnowflake, project: Path) -> Iterator[Dbt]:
    started = Dbt(server, project)
    yield started
    started.close()


def test_dbt_builds_all_it_has_twice_and_documents_it(
    server: LocalSnowflake, project: Path, dbt: Dbt
) -> None:
    client = Client(server.connect())
    try:
        client.run(
            "create database EMULATOR",
            "create schema EMULATOR.RAW",
            "create table EMULATOR.RAW.EVENTS "
            "(id number(19,0), name varchar, amount number(10,2), at timestamp_ntz)",
            "insert into EMULATOR.RAW.EVENTS values (1, 'a', 1.5, '2024-02-01'), (2, 'b', 2.5, '2025-02-01')",
        )
        dbt.run("build")
        for table in INCREMENTAL:
            assert client.rows(f"select id, name from EMULATOR.STAGING.{table} order by id") == [
                (1, "a"),
                (2, "b"),
            ]
        client.run(
            "insert into EMULATOR.RAW.EVENTS values (3, 'c', 1, '2026-01-15')",
            "update EMULATOR.RAW.EVENTS set name = 'changed' where id = 1",
        )
        dbt.run("build")
        dbt.run("docs", "generate")
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
