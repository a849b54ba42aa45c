"""A linked manifest: the graph that dbt selects one node from is small, and holds all it could select."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.artifacts.resources.types import RunHookType
from dbt.cli.main import dbtRunner
from dbt.compilation import Compiler, Linker
from dbt.graph.graph import Graph
from dbt.graph.selector_methods import QualifiedNameSelectorMethod
from dbt.task.run import RunTask

from include.headrace.transform import linking
from include.headrace.transform.linking import HELD, Linked, link, link_once
from include.headrace.transform.profile import PLACEHOLDERS
from include.headrace.transform.running import environment
from tests.transform.conftest import Project


@pytest.fixture(scope="module", params=["sample", "own"])
def manifest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The parsed manifest of a project, linked."""
    project: Project = request.getfixturevalue(request.param)
    target = tmp_path_factory.mktemp("target")
    where = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    where += ["--target-path", str(target), "--log-level", "none", "--log-level-file", "none"]
    with environment({**PLACEHOLDERS, "PATH": "", "HOME": str(target)}):
        outcome = dbtRunner().invoke(["parse", "--no-static-parser", "--target", "local", *where])
    assert outcome.success, outcome.exception
    link(outcome.result)  # type: ignore[arg-type]
    return outcome.result


def linked(manifest: Any) -> Linked:
    """What was linked of a manifest."""
    found: Linked = getattr(manifest, HELD)
    return found


def asked(manifest: Any, *select: str, which: str = "test", **given: Any) -> Any:
    """The graph for a command with this selection."""
    args = {"which": which, "select": select, "indirect_selection": "empty", **given}
    return linking._asked(linked(manifest), SimpleNamespace(**args))


def selectors(manifest: Any) -> set[str]:
    """Every dotted name of the nodes, with and without its package, cut at each dot, and of versions."""
    found: set[str] = set()
    for uid in linked(manifest).graph:
        fqn = list(manifest.expect(uid).fqn)
        for parts in (fqn, fqn[1:]):
            found |= {".".join(parts[:size]) for size in range(1, len(parts) + 1)}
        found |= {fqn[-1], "_".join(fqn[-2:]), ".".join(fqn[-2:])}
    return found


def test_dbt_selects_the_same_from_the_small_graph_as_from_the_whole(manifest: Any) -> None:
    method = QualifiedNameSelectorMethod(manifest, None, [])
    whole = linked(manifest).graph
    small, selected = 0, set()
    for name in selectors(manifest):
        graph = asked(manifest, name)
        found = set(method.search(set(graph.nodes), name))
        assert found == set(method.search(set(whole.nodes), name)), name
        small += len(graph) < len(whole)
        selected |= found
    assert small > 50
    assert {uid for uid in selected if uid.startswith("model.")} == {
        uid for uid in whole if uid.startswith("model.")
    }


@pytest.mark.parametrize(
    "given",
    [
        {"select": ("fct_flights+",)},
        {"select": ("tag:marts",)},
        {"select": ("orders", "customers")},
        {"select": ()},
        {"select": ("orders",), "exclude": ("customers",)},
        {"select": ("orders",), "selector": "nightly"},
        {"select": ("orders",), "indirect_selection": "eager"},
    ],
)
def test_what_is_not_one_plain_name_is_selected_from_the_whole(manifest: Any, given: dict[str, Any]) -> None:
    assert asked(manifest, **given) is linked(manifest).graph


def test_the_graph_is_dbt_s_own(manifest: Any) -> None:
    linker = Linker()
    linker.link_graph(manifest)
    assert set(linked(manifest).graph.edges) == set(linker.graph.edges)
    assert len(linked(manifest).graph.edges) > 20


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """dbt as it is in a process that links once, for one test."""
    for owner, name in (
        (Compiler, "compile"),
        (Graph, "get_subset_graph"),
        (RunTask, "get_hooks_by_type"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    link_once()


@pytest.mark.usefixtures("in_place")
def test_a_node_alone_is_taken_out_without_its_edges_and_more_as_dbt_does(manifest: Any) -> None:
    graph = Graph(linked(manifest).graph)
    one, other = next(iter(graph.graph.edges))
    assert (set(graph.get_subset_graph({one}).nodes()), list(graph.get_subset_graph({one}).edges())) == (
        {one},
        [],
    )
    assert list(graph.get_subset_graph({one, other}).edges()) == [(one, other)]
    assert set(graph.graph.nodes) > {one, other}


@pytest.mark.usefixtures("in_place")
@pytest.mark.parametrize("kind", RunHookType)
def test_the_hooks_are_those_that_dbt_finds_among_all_nodes(manifest: Any, kind: RunHookType) -> None:
    task: Any = SimpleNamespace(manifest=manifest, _hook_keyfunc=lambda hook: hook.index)
    expected = [node.unique_id for node in manifest.nodes.values() if kind in node.tags]
    assert [hook.unique_id for hook in RunTask.get_hooks_by_type(task, kind)] == expected


def test_a_name_that_nothing_has_is_looked_for_in_the_whole(manifest: Any, tmp_path: Path) -> None:
    assert asked(manifest, f"no.such.{tmp_path.name}") is linked(manifest).graph
