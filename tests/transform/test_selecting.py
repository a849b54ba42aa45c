from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, TriggerRule
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped

from include.headrace.errors import ConfigError
from include.headrace.transform.graph import Graph
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.naming import task_ids
from include.headrace.transform.rendering import build_dag
from include.headrace.transform.selecting import selected
from tests.transform.conftest import Project
from tests.transform.manifests import Entry, manifest_of, model


@pytest.fixture(scope="module")
def graph(sample: Project) -> Graph:
    return Graph(sample.manifest)


def tasks_of(graph: Graph, text: str) -> set[str]:
    """The ids of the tasks that a selection leaves to run."""
    ids = task_ids(graph)
    return {ids[uid] for uid in selected(graph, text)}


def test_a_name_is_that_model_with_the_tests_that_need_no_more(graph: Graph) -> None:
    # The relationship of orders and customers is left out: the dimension may not have been built. What
    # no_order_is_lost compares with is above.
    assert tasks_of(graph, "fct_orders") == {
        "fct_orders.run",
        "fct_orders.key_is_given",
        "fct_orders.unpaid_orders_are_left_out",
        "fct_orders.old_orders_are_not_read_again",
        "tests.no_order_is_lost",
    }


def test_a_test_of_two_goes_with_both(graph: Graph) -> None:
    both = tasks_of(graph, "fct_orders dim_customers")
    assert "fct_orders.orders_have_customers" in both
    assert {"fct_orders.run", "dim_customers.run", "dim_customers.key_is_given"} <= both


def test_a_plus_takes_what_is_above_or_below(graph: Graph) -> None:
    above = tasks_of(graph, "+fct_orders")
    assert {"stg_orders.run", "int_orders_paid.run", "source__shop__orders.freshness"} <= above
    assert "report.run" not in above
    assert "dim_customers.run" not in above
    below = tasks_of(graph, "int_orders_paid+")
    assert {"int_orders_paid.run", "fct_orders.run", "report.run", "report_monthly.run"} <= below
    assert "stg_orders.run" not in below


def test_what_is_above_counts_as_there_for_a_test(graph: Graph) -> None:
    # It reads customers and orders; orders are above what is selected, customers are not.
    name = "tests.source_relationships_shop_customers_id__customer_id__source_shop_orders_"
    assert name not in tasks_of(graph, "stg_orders")
    assert name in tasks_of(graph, "source:shop")


def version_of(name: str, version: str | int) -> Entry:
    """A model's version, as dbt writes it into its manifest."""
    return {
        **model(name),
        "unique_id": f"model.shop.{name}.v{version}",
        "version": version,
        "fqn": ["shop", "marts", name, f"v{version}"],
    }


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("prices", {"prices_v1.run", "prices_v2.run", "prices_v1_1.run"}),
        ("prices_v2", {"prices_v2.run"}),
        ("prices.v2", {"prices_v2.run"}),
        # No version, though it looks like one.
        ("costs_v2", {"costs_v2.run"}),
        ("v2", {"v2.run"}),
    ],
)
def test_the_bare_name_of_a_model_is_all_its_versions(text: str, tasks: set[str]) -> None:
    versions = [version_of("prices", number) for number in (1, 2, "1.1")]
    graph = Graph(manifest_of(*versions, model("costs_v2"), model("v2", folder="prices")))
    assert tasks_of(graph, text) == tasks


def test_a_part_of_a_versioned_name_is_no_name() -> None:
    graph = Graph(manifest_of(version_of("prices", 2), model("costs_v2")))
    for name in ("v2", "costs", "marts", "marts.prices", "prices.v3"):
        with pytest.raises(ConfigError, match="no model, seed or snapshot of that name"):
            selected(graph, name)


def test_a_source_is_all_its_tables_or_the_one_named(graph: Graph) -> None:
    both = tasks_of(graph, "source:shop")
    one = tasks_of(graph, "source:shop.customers")
    assert {task.split(".")[0] for task in both} >= {"source__shop__orders", "source__shop__customers"}
    assert {task.split(".")[0] for task in one} == {"source__shop__customers"}
    assert "stg_customers.run" in tasks_of(graph, "source:shop.customers+")


def test_a_path_is_a_folder_or_a_file_below_the_project(graph: Graph) -> None:
    folder = tasks_of(graph, "path:models/staging")
    assert {task for task in folder if task.endswith(".run")} == {"stg_orders.run", "stg_customers.run"}
    assert tasks_of(graph, "path:models/marts/fct_orders.sql") == tasks_of(graph, "fct_orders")


def test_a_tag_is_all_that_carry_it() -> None:
    daily = {**model("daily"), "tags": ["often"]}
    graph = Graph(manifest_of(daily, model("weekly", ["daily"]), model("rare")))
    assert tasks_of(graph, "tag:often") == {"daily.run"}
    assert tasks_of(graph, "tag:often+") == {"daily.run", "weekly.run"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fct_order", "'fct_order', and the project has no model, seed or snapshot of that name"),
        ("source:market", "no source of that name"),
        ("fct_orders tag:nightly", "no model, seed, snapshot or source of that tag"),
        ("path:models/mart", "no model, seed, snapshot or source of that path"),
        ("fct_orders,tag:nightly", "'fct_orders,tag:nightly'; write the name of a model"),
        ("2+fct_orders", "'2\\+fct_orders'; write the name of a model"),
    ],
)
def test_what_is_not_there_or_not_understood_is_refused(graph: Graph, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        selected(graph, text)


def test_the_task_that_selects_comes_before_all_and_a_skipped_task_holds_nothing_back(
    sample: Project,
) -> None:
    dag: DAG = build_dag(manifest_path(sample.folder), sample.folder)
    assert [task.task_id for task in dag.roots] == ["select"]
    assert dag.params["select"] == ""
    # What hands a mart on is held back by any skipped test of it (tests of exports and publications).
    others = {
        task.trigger_rule
        for task in dag.tasks
        if task.task_id not in ("select", "gather") and not task.outlets
    }
    assert others == {TriggerRule.NONE_FAILED}


def test_the_task_that_selects_skips_what_is_left_out_though_it_draws_itself_alone(
    sample: Project, graph: Graph
) -> None:
    alone = build_dag(manifest_path(sample.folder), sample.folder, task_id="select")
    assert [task.task_id for task in alone.tasks] == ["select"]
    task: Any = alone.get_task("select")
    ti = SimpleNamespace(dag_id="transform", map_index=-1, xcom_push=lambda **_: None)
    with pytest.raises(DownstreamTasksSkipped) as caught:
        task.execute({"params": {"select": "fct_orders"}, "ti": ti})
    whole = build_dag(manifest_path(sample.folder), sample.folder)
    run_dbt = {task.task_id for task in whole.tasks} & set(task_ids(graph).values())
    assert set(caught.value.tasks) == run_dbt - tasks_of(graph, "fct_orders")


def test_a_part_that_another_dag_runs_is_refused(sample: Project) -> None:
    alone = build_dag(manifest_path(sample.folder), sample.folder, "ops", task_id="select")
    task: Any = alone.get_task("select")
    ti = SimpleNamespace(dag_id="ops", map_index=-1, xcom_push=lambda **_: None)
    with pytest.raises(AirflowFailException, match="select is 'fct_orders', and this DAG runs nothing of"):
        task.execute({"params": {"select": "fct_orders"}, "ti": ti})
