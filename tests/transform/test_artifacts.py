from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, TriggerRule

from include.headrace.ledger import TaskRef
from include.headrace.session import Session, query_tag, sessions
from include.headrace.transform import GATHER, SELECT
from include.headrace.transform.artifacts import load_rows, rows_of
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag
from tests.support.snowflake import LocalSnowflake, airflow_connection
from tests.transform.conftest import Project

DATABASE = "KEPT"
RUN = {"dag_id": "transform", "run_id": "manual__1", "run_type": "manual"}
TASK = TaskRef("transform", GATHER, "manual__1", 1)


@pytest.fixture(scope="module")
def dag(sample: Project) -> DAG:
    return build_dag(manifest_path(sample.folder), sample.folder)


@pytest.fixture
def open_session(snowflake: LocalSnowflake, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Session]:
    with snowflake.connect() as connection:
        connection.cursor().execute(f"drop database if exists {DATABASE}")
        connection.cursor().execute(f"create database {DATABASE}")
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_TEST", airflow_connection(snowflake.port))
    return sessions("snowflake_test", query_tag(dag_id="tests"))


def left_by(task_id: str, try_number: int = 1, **facts: Any) -> dict[str, Any]:
    """What a task leaves, as far as these tests look at it."""
    return {
        "task_id": task_id,
        "map_index": -1,
        "try_number": try_number,
        "status": "success",
        "started_at": "2024-05-01T10:00:00.250000Z",
        **facts,
    }


def rows_kept(open_session: Callable[[], Session]) -> list[tuple[Any, ...]]:
    """Task, try and status of every row, in order."""
    session = open_session()
    try:
        found = session.query(f"SELECT TASK_ID, TRY_NUMBER, STATUS FROM {DATABASE}.DBT.NODES ORDER BY 1, 2")
    finally:
        session.close()
    return [tuple(row.values()) for row in found]


def test_a_run_that_is_gathered_again_brings_nothing_twice(
    open_session: Callable[[], Session], tmp_path: Path
) -> None:
    rows = [left_by("a.run"), left_by("a.is_whole", status="fail", failures=3)]
    counts = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        counts.append(load_rows(open_session, DATABASE, rows_of(rows, RUN), TASK, tmp_path / name))
    assert [(load["rows_inserted"], load["rows_updated"]) for load in counts] == [(2, 0), (0, 0)]
    assert rows_kept(open_session) == [("a.is_whole", 1, "fail"), ("a.run", 1, "success")]


def test_a_task_that_was_cleared_and_ran_again_is_a_row_of_its_new_try(
    open_session: Callable[[], Session], tmp_path: Path
) -> None:
    for try_number, status in ((1, "error"), (2, "success")):
        folder = tmp_path / status
        folder.mkdir()
        rows = rows_of([left_by("a.run", try_number, status=status), left_by("b.run")], RUN)
        load_rows(open_session, DATABASE, rows, TASK, folder)
    assert rows_kept(open_session) == [
        ("a.run", 1, "error"),
        ("a.run", 2, "success"),
        ("b.run", 1, "success"),
    ]


def test_a_run_that_ran_no_node_loads_no_row(open_session: Callable[[], Session], tmp_path: Path) -> None:
    load_rows(open_session, DATABASE, rows_of([], RUN), TASK, tmp_path)
    assert rows_kept(open_session) == []


def test_moments_are_kept_as_utc_without_a_zone() -> None:
    rows = rows_of([left_by("a.run", compiled_at="", ended_at="2024-05-01T12:00:01+02:00")], RUN)
    [row] = rows.batch.to_pylist()
    assert row["started_at"].isoformat() == "2024-05-01T10:00:00.250000"
    assert row["ended_at"].isoformat() == "2024-05-01T10:00:01"
    assert row["compiled_at"] is None


def test_the_gathering_waits_for_every_task_of_a_node_and_leaves_the_runs_state_to_them(dag: DAG) -> None:
    gather = dag.get_task(GATHER)
    others = {task.task_id for task in dag.tasks} - {GATHER, SELECT}
    delivering = {task_id for task_id in others if task_id.endswith((".export", ".publish"))}
    assert gather.upstream_task_ids == others - delivering
    assert gather.trigger_rule == TriggerRule.ALL_DONE_SETUP_SUCCESS
    assert (gather.is_teardown, gather.on_failure_fail_dagrun) == (True, False)


def test_a_running_gathering_draws_itself_alone(sample: Project) -> None:
    [alone] = build_dag(manifest_path(sample.folder), sample.folder, task_id=GATHER).tasks
    assert alone.task_id == GATHER
    assert getattr(alone, "project_dir", None) == str(sample.folder)
