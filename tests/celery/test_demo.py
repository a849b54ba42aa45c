from __future__ import annotations

import json

from include.headrace.demo.platform import METADATA_DATABASE
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.processes import find
from include.headrace.demo.workers import WORKERS
from include.headrace.transform import OPS, TRANSFORM
from include.headrace.transform.graph import Graph
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.naming import task_ids
from include.headrace.transform.parts import nodes_of
from tests.celery.conftest import CeleryDemo

# The marts that were being built, and what is built on them, against the sources' own files.
from tests.e2e.test_joins import (
    test_aircraft_are_those_of_the_file_and_the_unknown_ones_with_nulls,
    test_each_flight_has_the_weather_of_its_hour_and_airport,
    test_every_hour_of_weather_is_there_once_and_as_the_files_have_it,
)
from tests.e2e.test_marts import (
    test_daily_punctuality_is_that_of_the_files,
    test_fct_flights_has_every_flight_once_and_as_the_files_have_it,
    truth,
)

__all__ = [
    "test_aircraft_are_those_of_the_file_and_the_unknown_ones_with_nulls",
    "test_daily_punctuality_is_that_of_the_files",
    "test_each_flight_has_the_weather_of_its_hour_and_airport",
    "test_every_hour_of_weather_is_there_once_and_as_the_files_have_it",
    "test_fct_flights_has_every_flight_once_and_as_the_files_have_it",
    "truth",
]


def test_the_demo_ends_well_though_a_worker_was_killed_and_that_one_works_again(demo: CeleryDemo) -> None:
    assert demo.returncode == 0, demo.output[-4000:]
    assert f"{demo.killed} ended with code -9 and was started again" in demo.output


def test_every_task_ran_green_and_every_node_of_the_project_was_one(
    demo: CeleryDemo, metadata: PostgresServer
) -> None:
    rows = metadata.execute("SELECT dag_id, task_id, state FROM task_instance", (), METADATA_DATABASE)
    assert [row for row in rows if row[2] != "success"] == []
    graph = Graph(json.loads(manifest_path().read_text()))
    ids = task_ids(graph)
    for dag_id, least in ((TRANSFORM, 100), (OPS, 10)):
        wanted = {ids[uid] for uid in nodes_of(graph, dag_id) if graph.nodes[uid].runs}
        assert len(wanted) > least
        assert wanted <= {task_id for of_dag, task_id, _ in rows if of_dag == dag_id}


def test_both_workers_took_part(metadata: PostgresServer) -> None:
    rows = metadata.execute(
        "SELECT dag_id = %s, hostname, count(*) FROM task_instance GROUP BY 1, 2",
        (TRANSFORM,),
        METADATA_DATABASE,
    )
    tasks = {(is_transform, worker): count for is_transform, worker, count in rows}
    assert tasks.keys() == {(is_transform, worker) for is_transform in (False, True) for worker in WORKERS}
    assert all(count > 1 for count in tasks.values()), tasks


def test_only_tasks_that_died_with_the_worker_were_tried_again(
    demo: CeleryDemo, metadata: PostgresServer
) -> None:
    assert demo.lost
    tries = metadata.execute(
        "SELECT task_id, state, hostname FROM task_instance_history", (), METADATA_DATABASE
    )
    assert {task_id for task_id, _, _ in tries} == demo.lost
    assert {worker for _, _, worker in tries} == {demo.killed}
    again = metadata.execute("SELECT task_id FROM task_instance WHERE try_number = 2", (), METADATA_DATABASE)
    assert {task_id for (task_id,) in again} == demo.lost


def test_redis_ends_with_the_demo_and_no_log_holds_its_password(demo: CeleryDemo) -> None:
    redis = demo.folder / "redis"
    assert find(json.loads((redis / "process.json").read_text())) is None
    passwords = [(demo.folder / name / "password").read_text() for name in ("redis", "postgres")]
    logs = sorted((demo.folder / "logs").glob("*.log"))
    assert {f"{worker}.log" for worker in WORKERS} <= {log.name for log in logs}
    for log in (*logs, redis / "server.log"):
        text = log.read_text(errors="replace")
        assert not any(password in text for password in passwords), log
