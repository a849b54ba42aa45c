"""Small projects, each with something that a task a node could stumble over, parsed by dbt and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from cosmos.dbt.project import environ

from include.headrace.errors import ConfigError
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.naming import MAX_TASK_ID
from include.headrace.transform.profile import PLACEHOLDERS
from include.headrace.transform.rendering import build_dag
from tests.transform.conftest import SAMPLE

Draw = Callable[..., DAG]
ONE = "select 1 as id"


def id_tests(*names: str) -> str:
    """The YAML of a model's column with these tests."""
    return "columns: [{name: id, data_tests: [" + ", ".join(names) + "]}]"


@pytest.fixture
def draw(tmp_path: Path) -> Iterator[Draw]:
    """A function that draws the project of these files, by path; each call has a project of its own."""
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    def of_files(files: Mapping[str, str]) -> DAG:
        folder = tmp_path / f"project{len(list(tmp_path.iterdir()))}"
        for path, content in {"dbt_project.yml": "name: odd\nprofile: headrace\n", **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        (folder / "profiles.yml").write_text((SAMPLE / "profiles.yml").read_text())
        command = ["--quiet", "--log-level-file", "none", "--no-static-parser", "parse", "--target", "local"]
        with environ(PLACEHOLDERS):
            parsed = dbtRunner().invoke(
                [*command, "--project-dir", str(folder), "--profiles-dir", str(folder)]
            )
        reset_adapters()
        assert parsed.success, parsed.exception
        return build_dag(manifest_path(folder), folder)

    yield of_files


def ids(dag: DAG) -> set[str]:
    """The ids of the tasks that run dbt."""
    return {task.task_id for task in dag.tasks} - {"select", "gather"}


def test_a_test_more_renames_no_task(draw: Draw) -> None:
    bare = draw({"models/a.sql": ONE, "models/b.sql": "select id from {{ ref('a') }}"})
    tested = draw(
        {
            "models/a.sql": ONE,
            "models/b.sql": "select id from {{ ref('a') }}",
            "models/a.yml": f"models: [{{name: a, {id_tests('unique')}}}]",
        }
    )
    assert ids(bare) == {"a.run", "b.run"}
    assert ids(tested) == {"a.run", "b.run", "a.unique_a_id"}
    assert tested.get_task("b.run").upstream_task_ids == {"a.unique_a_id"}


def test_names_too_long_for_a_task_are_cut_and_stay_apart(draw: Draw) -> None:
    model, test = "m" * 120, "t" * 140
    dag = draw(
        {
            f"models/{model}.sql": "select 1 as id, 2 as code",
            "models/a.yml": f"models: [{{name: {model}, columns: ["
            f"{{name: id, data_tests: [{{not_null: {{name: {test}_a}}}}]}}, "
            f"{{name: code, data_tests: [{{not_null: {{name: {test}_b}}}}]}}]}}]",
        }
    )
    cut = {task_id for task_id in ids(dag) if task_id != f"{model}.run"}
    assert len(ids(dag)) == 3
    assert {len(task_id) for task_id in cut} == {MAX_TASK_ID}
    assert all(task_id.startswith(f"{model}.ttt") for task_id in cut)
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert set(again.task_dict) == ids(dag) | {"select", "gather"}


def test_tests_of_one_name_belong_each_to_its_model(draw: Draw) -> None:
    named = "{not_null: {name: key_is_given}}"
    dag = draw(
        {
            "models/a.sql": ONE,
            "models/b.sql": ONE,
            "models/a.yml": f"models: [{{name: a, {id_tests(named)}}}]",
            "models/b.yml": f"models: [{{name: b, {id_tests(named)}}}]",
        }
    )
    assert ids(dag) == {"a.run", "b.run", "a.key_is_given", "b.key_is_given"}
    tasks: list[Any] = [dag.get_task(f"{name}.key_is_given") for name in "ab"]
    assert len({task.select for task in tasks}) == 2


def test_two_tests_that_dbt_cannot_tell_apart_are_refused(draw: Draw) -> None:
    named = "data_tests: [{not_null: {name: is_given}}]"
    with pytest.raises(ConfigError, match="Give one of them another name"):
        draw(
            {
                "models/a.sql": "select 1 as id, 2 as code",
                "models/a.yml": f"models: [{{name: a, columns: [{{name: id, {named}}}, "
                f"{{name: code, {named}}}]}}]",
            }
        )


def test_each_version_of_a_model_is_a_task(draw: Draw) -> None:
    dag = draw(
        {
            "models/prices_v1.sql": ONE,
            "models/prices_v2.sql": ONE,
            "models/reader.sql": "select id from {{ ref('prices') }}",
            "models/prices.yml": f"models: [{{name: prices, latest_version: 2, {id_tests('unique')}, "
            "versions: [{v: 1}, {v: 2}]}]",
        }
    )
    assert ids(dag) == {
        *("prices_v1.run", "prices_v1.unique_prices_v1_id"),
        *("prices_v2.run", "prices_v2.unique_prices_v2_id"),
        "reader.run",
    }
    assert dag.get_task("reader.run").upstream_task_ids == {"prices_v2.unique_prices_v2_id"}


def test_an_ephemeral_model_has_a_task_that_runs_nothing_and_its_tests_hold_back(draw: Draw) -> None:
    dag = draw(
        {
            "models/a.sql": "{{ config(materialized='ephemeral') }} select 1 as id",
            "models/b.sql": "select id from {{ ref('a') }}",
            "models/a.yml": f"models: [{{name: a, {id_tests('not_null')}}}]",
        }
    )
    assert ids(dag) == {"a.run", "a.not_null_a_id", "b.run"}
    assert isinstance(dag.get_task("a.run"), EmptyOperator)
    assert not isinstance(dag.get_task("b.run"), EmptyOperator)
    assert dag.get_task("b.run").upstream_task_ids == {"a.not_null_a_id"}


def test_what_is_disabled_has_no_task(draw: Draw) -> None:
    switched_off = "{unique: {config: {enabled: false}}}"
    dag = draw(
        {
            "models/a.sql": ONE,
            "models/b.sql": "{{ config(enabled=false) }} select 1 as id",
            "models/a.yml": f"models: [{{name: a, {id_tests('not_null', switched_off)}}}, "
            f"{{name: b, {id_tests('not_null')}}}]",
            "tests/never.sql": "{{ config(enabled=false) }} select 1 as id",
        }
    )
    assert ids(dag) == {"a.run", "a.not_null_a_id"}


def test_tests_of_seeds_snapshots_and_sources_hold_back_what_reads_them(draw: Draw) -> None:
    dag = draw(
        {
            "seeds/codes.csv": "id\n1\n",
            "seeds/codes.yml": f"seeds: [{{name: codes, {id_tests('unique')}}}]",
            "models/sources.yml": "sources: [{name: shop, database: RAW, schema: SHOP, tables: "
            f"[{{name: orders, {id_tests('unique')}}}]}}]",
            "snapshots/history.yml": "snapshots: [{name: history, relation: \"ref('codes')\", "
            f"config: {{unique_key: id, strategy: check, check_cols: all}}, {id_tests('not_null')}}}]",
            "models/a.sql": "select id from {{ ref('codes') }} join {{ ref('history') }} using (id) "
            "join {{ source('shop', 'orders') }} using (id)",
        }
    )
    assert ids(dag) == {
        *("codes.seed", "codes.unique_codes_id"),
        *("history.snapshot", "history.not_null_history_id"),
        "source__shop__orders.source_unique_shop_orders_id",
        "a.run",
    }
    assert dag.get_task("history.snapshot").upstream_task_ids == {"codes.unique_codes_id"}
    assert dag.get_task("a.run").upstream_task_ids == {
        "codes.unique_codes_id",
        "history.not_null_history_id",
        "source__shop__orders.source_unique_shop_orders_id",
    }
