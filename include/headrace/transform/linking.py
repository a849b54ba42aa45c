"""The graph of a parsed manifest, linked once in the process that tasks are forked from.

dbt links all nodes, writes a summary of all of them and counts them in each of its processes; it looks at all
of them for the one that is selected and for hooks, and copies the whole graph to take that one out. All of
that grows with the project, and a task runs one node.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.compilation import Compiler
    from dbt.contracts.graph.manifest import Manifest
    from dbt.graph.graph import Graph
    from dbt.task.run import RunTask

HELD = "_headrace_linked"
"""The attribute of a manifest that holds what was linked of it; dbt writes the fields of a manifest alone."""
BY_THEMSELVES = ("run", "seed", "snapshot")
"""Commands that run no tests of what they select."""


@dataclass(frozen=True)
class Linked:
    """A graph, how many there are of each kind of node, the hooks, and by each part of dotted names
    the nodes that have it."""

    graph: Any
    counts: Any
    hooks: Sequence[Any]
    named: Mapping[str, Sequence[str]]


def link(manifest: Manifest) -> None:
    """Link a manifest for the one run that it will be handed to. Raises as dbt does, where it has a cycle."""
    from dbt.artifacts.resources.types import NodeType
    from dbt.compilation import Linker, _generate_stats

    linker = Linker()
    linker.link_graph(manifest)
    hooks = [node for node in manifest.nodes.values() if node.resource_type == NodeType.Operation]
    named: dict[str, list[str]] = defaultdict(list)
    for unique_id in linker.graph:
        for part in set(getattr(manifest.expect(unique_id), "fqn", ())):
            named[part].append(unique_id)
    setattr(manifest, HELD, Linked(linker.graph, _generate_stats(manifest), hooks, dict(named)))


def link_once() -> None:
    """Let dbt in this process use what :func:`link` made, and take one node out of a graph without a copy.

    What is left out is ``graph_summary.json``, which dbt writes to tell of its own speed. A manifest that was
    not linked, and a command that writes its graph or adds edges to it, are dbt's as before.
    """
    from dbt.compilation import Compiler, print_compile_stats
    from dbt.flags import get_flags
    from dbt.graph.graph import Graph
    from dbt.task.run import RunTask, get_hooks_by_tags

    compile_all: Callable[..., Graph] = Compiler.compile
    subset: Callable[..., Graph] = Graph.get_subset_graph
    hooks_of_all: Callable[..., list[Any]] = RunTask.get_hooks_by_type

    def compile_linked(
        self: Compiler, manifest: Manifest, write: bool = True, add_test_edges: bool = False
    ) -> Graph:
        linked: Linked | None = getattr(manifest, HELD, None)
        if linked is None or add_test_edges or get_flags().WRITE_JSON:
            return compile_all(self, manifest, write, add_test_edges)
        self.initialize()
        print_compile_stats(linked.counts)
        return Graph(_asked(linked, self.config.args))

    def subset_of_one(self: Graph, selected: Iterable[Any]) -> Graph:
        wanted = set(selected)
        if len(wanted) != 1 or not wanted <= self.graph.nodes.keys():
            return subset(self, wanted)
        return Graph(_alone(self.graph, wanted))

    def hooks_linked(self: RunTask, hook_type: Any) -> list[Any]:
        linked: Linked | None = getattr(self.manifest, HELD, None)
        if linked is None:
            return hooks_of_all(self, hook_type)
        return sorted(get_hooks_by_tags(linked.hooks, {hook_type}), key=self._hook_keyfunc)

    # By name: to a type checker a method is not to be set.
    setattr(Compiler, "compile", compile_linked)  # noqa: B010
    setattr(Graph, "get_subset_graph", subset_of_one)  # noqa: B010
    setattr(RunTask, "get_hooks_by_type", hooks_linked)  # noqa: B010


def _asked(linked: Linked, args: Any) -> Any:
    """The graph that dbt then selects from: for a plain dotted name, the nodes that it could be a name of."""
    by_itself = args.which in BY_THEMSELVES or str(getattr(args, "indirect_selection", "")) == "empty"
    names = list(getattr(args, "select", None) or ())
    if not by_itself or len(names) != 1 or getattr(args, "exclude", None) or getattr(args, "selector", None):
        return linked.graph
    could_be = linked.named.get(str(names[0]).rpartition(".")[2])
    return linked.graph if could_be is None else _alone(linked.graph, could_be)


def _alone(graph: Any, nodes: Iterable[str]) -> Any:
    """Some nodes of a graph, without its edges."""
    found = type(graph)()
    found.add_nodes_from(nodes)
    return found
