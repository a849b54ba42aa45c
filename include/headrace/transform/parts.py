"""Which nodes of the dbt project which DAG runs: what is tagged ``ops`` is about the runs of all the rest."""

from __future__ import annotations

from include.headrace.transform import OPS
from include.headrace.transform.graph import Graph

TAG = "ops"
"""The tag, in dbt, of what the DAG of that name runs."""


def nodes_of(graph: Graph, dag_id: str) -> frozenset[str]:
    """The unique ids of the nodes that a DAG runs.

    The DAG OPS runs the resources with the tag and the tests that read any of them, any other DAG the rest:
    the tagged ones read what is loaded at the end of its run.
    """
    tagged = {uid for uid, node in graph.resources.items() if TAG in node.tags}
    tests = {uid for uid, test in graph.tests.items() if tagged.intersection(graph.parents_of(test))}
    of_ops = frozenset(tagged | tests)
    return of_ops if dag_id == OPS else frozenset(graph.nodes) - of_ops
