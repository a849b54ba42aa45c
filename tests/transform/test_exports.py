from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup, TriggerRule

from include.headrace.errors import ConfigError
from include.headrace.pools import DBT_POOL
from include.headrace.transform.graph import Graph
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.marts import Mart, marts_of
from include.headrace.transform.naming import task_ids
from include.headrace.transform.rendering import build_dag
from tests.transform.conftest import Project
from tests.transform.manifests import Entry, generic, manifest_of, model


@pytest.fixture(scope="module")
def dag(own: Project) -> DAG:
    return build_dag(manifest_path(own.folder), own.folder)


def exports_of(dag: DAG) -> dict[str, Any]:
    return {task.task_id: task for task in dag.tasks if type(task).__name__ == "ExportMart"}


def public_marts(manifest: dict[str, Any]) -> list[Mart]:
    return [mart for mart in marts_of(Graph(manifest), manifest) if mart.public]


def public(entry: Entry, access: str = "public", **config: Any) -> Entry:
    """A model with what a manifest says of its relation and access."""
    config = {**entry["config"], "access": access, **config}
    return {**entry, "access": access, "schema": "MARTS", "alias": entry["name"], "config": config}


def test_exactly_the_public_marts_have_an_export(own: Project, dag: DAG) -> None:
    expected = {
        f"{node['name']}.export"
        for node in own.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts" and node["access"] == "public"
    }
    assert {"fct_flights.export", "dim_airport.export", "kpi_punctuality_daily.export"} <= expected
    assert set(exports_of(dag)) == expected


def test_no_other_access_and_no_other_layer_is_exported() -> None:
    manifest = manifest_of(
        public(model("seen")),
        public(model("shielded"), "protected"),
        public(model("hidden"), "private"),
        public(model("half_way", folder="intermediate")),
        public(model("inline"), materialized="ephemeral"),
    )
    assert [mart.node.name for mart in public_marts(manifest)] == ["seen"]


def test_an_export_waits_for_its_mart_and_every_test_that_reads_it(own: Project, dag: DAG) -> None:
    graph = Graph(own.manifest)
    ids = task_ids(graph)
    for mart in public_marts(own.manifest):
        uid = mart.node.unique_id
        tests = {ids[test] for test, node in graph.tests.items() if uid in node.parents}
        task = dag.get_task(f"{mart.node.name}.export")
        assert task.upstream_task_ids == {ids[uid], *tests}
    # A relationship that another mart declares on it counts as a test of it.
    assert (
        "fct_flights.fct_flights_dates_are_in_dim_date" in dag.get_task("dim_date.export").upstream_task_ids
    )


def test_what_failed_or_was_left_out_is_not_exported_and_nothing_waits_for_an_export(dag: DAG) -> None:
    for task in exports_of(dag).values():
        assert task.trigger_rule == TriggerRule.ALL_SUCCESS
        assert not task.downstream_task_ids
        assert (task.pool, task.retries, task.on_failure_callback is not None) == (DBT_POOL, 2, True)


def test_an_export_shows_whose_it_is_and_what_it_holds(dag: DAG) -> None:
    task = dag.get_task("fct_flights.export")
    assert "one row a flight" in str(task.doc_md)
    assert "Owner: Flight operations analytics" in str(task.doc_md)
    assert task.task_display_name == "fct_flights"


def test_the_exports_are_a_group_after_all_others(dag: DAG) -> None:
    group = dag.task_group.children["layer__exports"]
    assert isinstance(group, TaskGroup)
    assert set(group.children) == set(exports_of(dag))
    groups: list[TaskGroup] = [dag.task_group]
    for one in groups:
        one.topological_sort()
        groups += [child for child in one.children.values() if isinstance(child, TaskGroup)]


@pytest.mark.parametrize("name", ["sample", "own"])
def test_each_mart_has_one_task_that_emits_its_asset_and_is_downstream_of_all_its_tests(
    name: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(name)
    drawn = build_dag(manifest_path(project.folder), project.folder)
    graph = Graph(project.manifest)
    ids = task_ids(graph)
    with_outlets = [task for task in drawn.tasks if task.outlets]
    emitting = {asset.name: task for task in with_outlets for asset in task.outlets}
    marts = marts_of(graph, project.manifest)
    # One task more emits an asset: the one that gathers what the nodes' tasks left.
    assert set(emitting) == {"raw.dbt", *(f"mart.{mart.node.name}" for mart in marts)}
    assert len(emitting) == len(with_outlets)
    for mart in marts:
        task: Any = emitting[f"mart.{mart.node.name}"]
        assert task.task_id == f"{mart.node.name}.{'export' if mart.public else 'publish'}"
        tests = {ids[uid] for uid, test in graph.tests.items() if mart.node.unique_id in test.parents}
        assert set(task.tests) == tests
        assert task.upstream_task_ids == {ids[mart.node.unique_id], *tests}
        assert task.trigger_rule == TriggerRule.ALL_SUCCESS


def test_the_marts_that_are_not_exported_are_a_group_of_their_own(sample: Project) -> None:
    drawn = build_dag(manifest_path(sample.folder), sample.folder)
    group = drawn.task_group.children["layer__published"]
    assert isinstance(group, TaskGroup)
    assert set(group.children) == {
        f"{name}.publish"
        for name in ("dim_customers", "fct_orders", "prices_v1", "prices_v2", "report", "report_monthly")
    }


def test_a_running_delivery_draws_itself_alone_and_as_it_is_among_the_others(sample: Project) -> None:
    whole = build_dag(manifest_path(sample.folder), sample.folder)
    for task_id in ("customer_list.export", "prices_v2.publish"):
        [alone] = build_dag(manifest_path(sample.folder), sample.folder, task_id=task_id).tasks
        there = whole.get_task(task_id)
        for name in (
            "task_id",
            "model",
            "schema",
            "alias",
            "database",
            "tests",
            "outlets",
            "retries",
            "owner",
        ):
            assert getattr(alone, name) == getattr(there, name)


@pytest.mark.parametrize(
    ("config", "may_warn"),
    [
        ({}, False),
        ({"severity": "WARN"}, True),
        ({"severity": "ERROR", "warn_if": "!= 0", "error_if": "!= 0"}, False),
        ({"severity": "error", "warn_if": "> 0", "error_if": "> 10"}, True),
    ],
)
def test_a_result_is_looked_up_for_the_tests_that_can_find_rows_and_pass(
    config: dict[str, str], may_warn: bool
) -> None:
    test = {**generic("not_null_items_id", "items"), "config": config}
    manifest = manifest_of(public(model("items")), test)
    [mart] = marts_of(Graph(manifest), manifest)
    assert mart.tests == (test["unique_id"],)
    assert (test["unique_id"] in mart.may_warn) is may_warn


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({}, ()),
        ({"unique": "id"}, ("id",)),
        ({"several": ["day", "carrier"]}, ("day", "carrier")),
        ({"unique": "id", "constraint": ["number"]}, ("number",)),
        ({"column_constraint": "number"}, ("number",)),
    ],
)
def test_the_key_is_what_the_model_declares_or_what_is_tested(
    facts: dict[str, Any], key: tuple[str, ...]
) -> None:
    entry = public(model("items"))
    if "constraint" in facts:
        entry["constraints"] = [{"type": "primary_key", "columns": facts["constraint"]}]
    if "column_constraint" in facts:
        name = facts["column_constraint"]
        other = {"name": "other", "constraints": [{"type": "not_null"}]}
        entry["columns"] = {
            "other": other,
            name: {"name": name, "constraints": [{"type": "primary_key"}]},
        }
    entries = [entry, generic("not_null_items_id", "items")]
    if "unique" in facts:
        unique = generic("unique_items_id", "items", "1")
        entries.append({**unique, "column_name": facts["unique"], "test_metadata": {"name": "unique"}})
    if "several" in facts:
        metadata = {"name": "unique_combination", "kwargs": {"columns": facts["several"]}}
        entries.append({**generic("rows_are_unique", "items", "2"), "test_metadata": metadata})
    manifest = manifest_of(*entries)
    [mart] = public_marts(manifest)
    assert mart.key == key


def test_the_keys_of_the_projects_own_marts_are_known(own: Project) -> None:
    keys = {mart.node.name: mart.key for mart in public_marts(own.manifest)}
    assert keys["fct_flights"] == ("flight_id",)
    assert keys["kpi_punctuality_daily"] == ("flight_date", "carrier_code", "origin_code")
    assert all(keys.values()), keys


def test_a_database_of_its_own_is_kept_and_that_of_the_drawn_target_is_not() -> None:
    manifest = manifest_of(
        {**public(model("here")), "database": "DEV_ANA_ANALYTICS"},
        public(model("there"), database="ELSEWHERE"),
    )
    marts = public_marts(manifest)
    assert {mart.node.name: mart.database for mart in marts} == {"here": None, "there": "ELSEWHERE"}


def test_a_test_that_takes_the_name_of_an_export_is_refused(own: Project, tmp_path: Path) -> None:
    manifest = json.loads(json.dumps(own.manifest))
    name = next(n for n in manifest["nodes"].values() if n.get("attached_node") == "model.headrace.dim_date")
    name["name"] = "export"
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"dim_date\.export has the name of the model's export"):
        build_dag(path, own.folder)
