from __future__ import annotations

from typing import Any

import pytest

from include.headrace.transform.describing import Descriptions
from include.headrace.transform.graph import Graph
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag
from tests.transform.conftest import Project
from tests.transform.manifests import generic, manifest_of, model, several

GROUP = {"g": {"name": "sales", "owner": {"name": "Sales analytics", "email": "sales@headrace.example"}}}


def told(manifest: dict[str, Any], name: str) -> dict[str, str]:
    """What the task of a node is given."""
    graph = Graph(manifest)
    found = next(node for node in graph.nodes.values() if node.name == name)
    return Descriptions(manifest, graph).of(found)


def project() -> dict[str, Any]:
    """Two models, one of a group and one with an owner of its own, and their tests."""
    grouped, owned = model("grouped"), model("owned", ["grouped"])
    grouped |= {"description": "One row a sale.", "config": {**grouped["config"], "group": "sales"}}
    owned["config"] = {**owned["config"], "group": "sales", "meta": {"owner": "Ana"}}
    test = {**generic("has_key", "grouped"), "description": "Each sale is known by its number."}
    both = several("both_agree", ["grouped", "owned"])
    return {**manifest_of(grouped, owned, model("bare"), test, both), "groups": GROUP}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "grouped",
            {"owner": "Sales analytics", "doc_md": "One row a sale.\n\nOwner: Sales analytics"},
        ),
        ("owned", {"owner": "Ana", "doc_md": "Owner: Ana"}),
        ("bare", {}),
        (
            "has_key",
            {
                "owner": "Sales analytics",
                "doc_md": "Each sale is known by its number.\n\nOwner: Sales analytics",
            },
        ),
        # Shown with the last of what it reads.
        ("both_agree", {"owner": "Ana"}),
    ],
)
def test_a_task_says_what_its_node_is_and_whose(name: str, expected: dict[str, str]) -> None:
    assert told(project(), name) == expected


def test_more_owners_than_airflow_takes_stand_in_the_text_alone() -> None:
    manifest = project()
    for number in range(50):
        one = model(f"m{number}")
        one["config"]["meta"] = {"owner": f"The people who look after number {number}, and their friends"}
        manifest["nodes"][one["unique_id"]] = one
    assert told(manifest, "grouped") == {"doc_md": "One row a sale.\n\nOwner: Sales analytics"}


def test_the_tasks_of_the_sample_carry_it(sample: Project) -> None:
    dag = build_dag(manifest_path(sample.folder), sample.folder)
    assert dag.get_task("stg_orders.run").owner == "Order desk"
    assert dag.get_task("stg_orders.amounts_are_numbers").owner == "Order desk"
    for task_id in ("customer_list.run", "customer_list.export", "customer_list.customers_are_known"):
        assert dag.get_task(task_id).owner == "Sales analytics"
    assert dag.get_task("report.run").owner == "headrace"
    assert str(dag.get_task("customer_list.run").doc_md).startswith("Every customer, whether there was")
    assert str(dag.get_task("customer_list.customers_are_known").doc_md).startswith("Lists who is new")
