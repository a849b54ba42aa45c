from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dbt.cli.main  # noqa: F401
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from include.headrace.errors import ConfigError
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag
from include.headrace.transform.runner import make_runner
from include.headrace.transform.window import window_flags, window_of
from tests.support.snowflake import LocalSnowflake
from tests.transform.conftest import Project, copy_of

VISITS = (
    "create or replace table SHOP_RAW.SHOP.VISITS"
    " (ID number, VISITOR varchar, AT timestamp_ntz, ANSWER varchar)",
    "insert into SHOP_RAW.SHOP.VISITS values (1, 'a', '2013-07-01 08:00', 'first'),"
    " (2, 'b', '2013-07-02 09:00', 'first'), (3, 'a', '2013-07-02 10:00', 'first'),"
    " (4, 'c', '2013-07-03 00:00', 'first')",
)

Answers = list[tuple[int, str]]


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a model that is built in batches of a day, and one that is not."""
    source = Path(__file__).parent / "projects" / "batches"
    return Project(copy_of(source, tmp_path_factory.mktemp("batches") / "project"))


@pytest.fixture
def build(
    batches: Project, dbt_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], None]:
    """A function that builds a window of the model, as its task does."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))

    def run(start: str, end: str) -> None:
        work = copy_of(batches.folder, tmp_path / f"work{len(list(tmp_path.iterdir()))}")
        where = ["--project-dir", str(work), "--profiles-dir", str(work), "--profile", "headrace"]
        command = ["run", "--select", "visits_by_day", *window_flags(start, end), *where]
        result = make_runner().run([*command, "--target", "local"], dbt_env, batches.folder, work)
        assert [node.status for node in result.nodes] == ["success"], result

    return run


def answers(snowflake: LocalSnowflake) -> Answers:
    with snowflake.connect() as connection:
        cursor = connection.cursor().execute(
            "select VISIT_ID, ANSWER from SHOP.PUBLIC.VISITS_BY_DAY order by 1"
        )
        assert cursor is not None
        return [(int(row[0]), str(row[1])) for row in cursor.fetchall()]


def execute(snowflake: LocalSnowflake, *statements: str) -> None:
    with snowflake.connect() as connection:
        for statement in statements:
            connection.cursor().execute(statement)


def test_a_window_is_built_alone_and_twice_the_same(
    snowflake: LocalSnowflake, build: Callable[[str, str], None]
) -> None:
    execute(snowflake, *VISITS)
    build("2013-07-01", "2013-07-04")
    assert answers(snowflake) == [(1, "first"), (2, "first"), (3, "first"), (4, "first")]
    execute(
        snowflake,
        "update SHOP_RAW.SHOP.VISITS set ANSWER = 'second'",
        "delete from SHOP_RAW.SHOP.VISITS where ID = 3",
    )
    expected = [(1, "first"), (2, "second"), (4, "first")]
    for _ in range(2):
        build("2013-07-02", "2013-07-03")
        assert answers(snowflake) == expected


def test_an_end_is_a_date_or_a_time_and_utc_unless_it_says_otherwise() -> None:
    assert window_flags("2013-07-01", "2013-07-02T06:00:00+02:00") == [
        *("--event-time-start", "2013-07-01T00:00:00"),
        *("--event-time-end", "2013-07-02T04:00:00"),
    ]
    assert window_flags("", " ") == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"event_time_start": "2013-07-01"}, "event_time_end is empty; a window needs both its ends"),
        ({"event_time_end": "2013-07-01"}, "event_time_start is empty"),
        ({"event_time_start": "1st of July", "event_time_end": "2013-07-01"}, "'1st of July'; write a date"),
        ({"event_time_start": "2013-07-02", "event_time_end": "2013-07-02"}, "is not after"),
        (
            {"event_time_start": "2013-07-01", "event_time_end": "2013-07-02", "full_refresh": True},
            "left with the window alone",
        ),
    ],
)
def test_a_window_that_would_not_do_what_it_says_is_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        window_of(params)


@pytest.fixture(scope="module")
def dag(batches: Project) -> DAG:
    return build_dag(manifest_path(batches.folder), batches.folder)


def test_only_what_is_built_in_batches_is_given_the_window(dag: DAG) -> None:
    given = {
        task.task_id: getattr(task, "event_time_start", "")
        for task in dag.tasks
        if task.task_id.endswith(".run")
    }
    assert given == {"visits_by_day.run": "{{ params.event_time_start }}", "visitors.run": ""}
    assert {"event_time_start", "event_time_end"} <= set(dag.get_task("visits_by_day.run").template_fields)


@pytest.mark.parametrize(
    ("select", "message"),
    [("visitors", "no model of this run is built in batches"), ("tag:nightly", "no model.* of that tag")],
)
def test_a_wrong_parameter_stops_the_run_before_it_began(dag: DAG, select: str, message: str) -> None:
    params = {"select": select, "event_time_start": "2013-07-01", "event_time_end": "2013-07-02"}
    task: Any = dag.get_task("select")
    with pytest.raises(AirflowFailException, match=message):
        task.execute({"params": params, "ti": SimpleNamespace(dag_id=dag.dag_id)})
