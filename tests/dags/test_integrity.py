"""Every DAG: it is there, it says who it is, and importing it touches nothing outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from include.headrace.config import load_sources
from include.headrace.pools import pool_slots
from include.headrace.settings import PROJECT_ROOT
from tests.dags.conftest import Parse, clean_environment

SOURCES = load_sources()
DAG_IDS = sorted([*(f"ingest__{source.name}" for source in SOURCES), "dbt_docs", "ops", "sweep", "transform"])


def test_the_dag_files_import_and_give_exactly_the_expected_dags(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert sorted(bag["dags"]) == DAG_IDS
    assert len(DAG_IDS) > 1


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_says_what_it_is_and_whose(bag: dict[str, Any], dag_id: str) -> None:
    dag = bag["dags"][dag_id]
    assert dag["tags"]
    # A task of a node that has an owner is theirs.
    assert "headrace" in dag["owner"].split(", ")
    assert len(dag["doc_md"].split()) >= 10
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_task_is_retried_and_tells_of_its_failure(bag: dict[str, Any], dag_id: str) -> None:
    tasks = bag["dags"][dag_id]["tasks"]
    assert tasks
    assert [task_id for task_id, task in tasks.items() if task["retries"] < 1] == []
    assert [task_id for task_id, task in tasks.items() if task["callbacks"] != 1] == []


def test_every_pool_that_a_task_waits_for_is_made(bag: dict[str, Any]) -> None:
    used = {task["pool"] for dag in bag["dags"].values() for task in dag["tasks"].values()}
    assert used - {"default_pool"} == set(pool_slots())


def test_only_the_sweeper_takes_no_pool(bag: dict[str, Any]) -> None:
    pools = {(dag_id, task["pool"]) for dag_id, dag in bag["dags"].items() for task in dag["tasks"].values()}
    assert {dag_id for dag_id, pool in pools if pool == "default_pool"} == {"sweep"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_an_ingestion_dag_loads_each_table_and_ends_with_the_asset(bag: dict[str, Any], source: Any) -> None:
    tasks = bag["dags"][f"ingest__{source.name}"]["tasks"]
    assert sorted(tasks) == sorted(
        [
            "publish-asset",
            *(f"{table.name}.{step}" for table in source.tables for step in ("extract", "load")),
        ]
    )
    for table in source.tables:
        assert tasks[f"{table.name}.extract"]["downstream"] == [f"{table.name}.load"]
        assert tasks[f"{table.name}.load"]["downstream"] == ["publish-asset"]
    assert {task_id: task["outlets"] for task_id, task in tasks.items() if task["outlets"]} == {
        "publish-asset": [f"raw.{source.name}"]
    }


def test_the_transform_waits_for_every_source(bag: dict[str, Any]) -> None:
    assert bag["dags"]["transform"]["assets"] == sorted(f"raw.{source.name}" for source in SOURCES)


def test_what_is_known_of_runs_is_built_when_one_was_gathered(bag: dict[str, Any]) -> None:
    assert bag["dags"]["ops"]["assets"] == ["raw.dbt"]
    gather = bag["dags"]["transform"]["tasks"]["gather"]
    assert gather["outlets"] == ["raw.dbt"]


def test_schedules_can_be_turned_off(parse: Parse, bag: dict[str, Any]) -> None:
    off = parse(PROJECT_ROOT / "dags" / "ingest.py", HEADRACE_SCHEDULES="off")
    assert off["errors"] == {}
    assert {dag["timetable"] for dag in off["dags"].values()} == {"NullTimetable"}
    on = {dag["timetable"] for dag_id, dag in bag["dags"].items() if dag_id.startswith("ingest__")}
    assert on == {"CronDataIntervalTimetable"}


BAD = {
    "reads_a_variable.py": "from airflow.sdk import DAG, Variable\nVariable.get('x')\nDAG('a')\n",
    "reads_a_connection.py": "from airflow.sdk import DAG, "
    "BaseHook\nBaseHook.get_connection('x')\nDAG('b')\n",
    "opens_a_socket.py": (
        "import socket\nfrom airflow.sdk import DAG\nsocket.create_connection(('127.0.0.1', 9))\nDAG('c')\n"
    ),
}


def test_a_dag_file_that_looks_outside_at_import_is_caught(parse: Parse, tmp_path: Path) -> None:
    for name, text in BAD.items():
        (tmp_path / name).write_text(text)
    found = parse(tmp_path)
    assert found["dags"] == {}
    assert sorted(Path(path).name for path in found["errors"]) == sorted(BAD)
    assert all("must not open a connection or read a Variable" in text for text in found["errors"].values())


def test_the_check_of_astro_dev_parse_passes(tmp_path: Path, bag: dict[str, Any]) -> None:
    """It runs as Astro's command runs it: by pytest, with the project as the working folder."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            ".astro/test_dag_integrity_default.py",
        ],
        cwd=PROJECT_ROOT,
        env=clean_environment(tmp_path, PATH=os.environ["PATH"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "5 passed" in done.stdout
