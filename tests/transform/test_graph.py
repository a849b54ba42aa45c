from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from include.headrace.transform.graph import Graph
from tests.transform.manifests import manifest_of, model, several


def downstream(edges: dict[str, set[str]], start: str) -> set[str]:
    """All that waits for a node; ``edges`` says what each node waits for directly."""
    direct = {node for node, parents in edges.items() if start in parents}
    return direct.union(*(downstream(edges, node) for node in direct))


def edges_with_tests(graph: Graph) -> dict[str, set[str]]:
    """What each node waits for, tests included."""
    edges = {uid: set(graph.parents_of(node)) for uid, node in graph.resources.items()}
    for uid, test in graph.tests.items():
        edges[uid] = set(graph.parents_of(test))
        for held in graph.held_back_by(test):
            edges[held].add(uid)
    return edges


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(2, 7))
    nodes = []
    for i in range(size):
        parents = draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set()
        folder = draw(st.sampled_from(["staging", "marts"]))
        nodes.append(model(f"m{i}", [f"m{p}" for p in sorted(parents)], folder=folder))
    for i in range(draw(st.integers(1, 4))):
        parents = draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=3))
        names = draw(st.permutations([f"m{p}" for p in sorted(parents)]))
        nodes.append(several(f"t{i}", list(names)))
    return manifest_of(*nodes)


@given(manifests())
def test_tests_make_no_cycle_and_hold_back_all_below_what_they_read(
    manifest: dict[str, Any],
) -> None:
    graph = Graph(manifest)
    edges = edges_with_tests(graph)
    list(TopologicalSorter(edges).static_order())
    plain = {uid: set(graph.parents_of(node)) for uid, node in graph.resources.items()}
    for uid, test in graph.tests.items():
        below_all = set.intersection(*(downstream(plain, parent) for parent in graph.parents_of(test)))
        assert downstream(edges, uid) & graph.resources.keys() == below_all


@given(manifests())
def test_groups_and_layers_can_be_put_in_order(manifest: dict[str, Any]) -> None:
    graph = Graph(manifest)
    home = {uid: graph.home_of(node) if node.is_test else uid for uid, node in graph.nodes.items()}
    layers = graph.layers()
    for group_of in (home, {uid: layers[str(home[uid])] or home[uid] for uid in home}):
        groups: dict[Any, set[Any]] = {group: set() for group in group_of.values()}
        for uid, parents in edges_with_tests(graph).items():
            groups[group_of[uid]].update(group_of[p] for p in parents if group_of[p] != group_of[uid])
        list(TopologicalSorter(groups).static_order())


def test_what_reads_one_of_two_tested_models_does_not_wait() -> None:
    graph = Graph(
        manifest_of(
            model("facts"),
            model("dimension"),
            model("both", ["facts", "dimension"]),
            model("dimension_only", ["dimension"]),
            several("facts_have_dimensions", ["dimension", "facts"]),
        )
    )
    test = graph.tests["test.shop.facts_have_dimensions"]
    assert graph.held_back_by(test) == ["model.shop.both"]


def test_a_test_between_a_model_and_its_descendant_is_shown_at_the_descendant() -> None:
    graph = Graph(
        manifest_of(model("a_late", ["z_early"]), model("z_early"), several("t", ["z_early", "a_late"]))
    )
    assert graph.home_of(graph.tests["test.shop.t"]) == "model.shop.a_late"


def test_layers_that_wait_for_one_another_are_not_drawn() -> None:
    graph = Graph(
        manifest_of(
            model("stg", folder="staging"),
            model("mart", ["stg"], folder="marts"),
            model("stg_again", ["mart"], folder="staging"),
            model("last", ["mart"], folder="exports"),
        )
    )
    assert graph.layers() == {
        "model.shop.stg": None,
        "model.shop.mart": None,
        "model.shop.stg_again": None,
        "model.shop.last": "exports",
    }


def test_a_test_that_reads_nothing_holds_nothing_back() -> None:
    graph = Graph(manifest_of(model("m"), several("t", [])))
    assert graph.held_back_by(graph.tests["test.shop.t"]) == []
    assert [t.name for t in graph.tests_of_none()] == ["t"]
