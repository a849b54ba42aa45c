"""The dbt manifest as a graph of what runs: which nodes there are, what holds back what, where each is shown.

Nothing here imports Airflow, Cosmos or dbt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

RESOURCES = ("model", "seed", "snapshot", "source")
TESTS = ("test", "unit_test")


@dataclass(frozen=True)
class Node:
    """A node of the manifest that runs, or a source.

    ``parents`` are the unique ids that ``depends_on`` names, in its order. ``owner`` is the resource
    a generic or unit test is declared on, and None for everything else. ``settings`` is the node's
    ``meta.cosmos.operator_kwargs``. ``runs`` is False for what has no command of its own: an
    ephemeral model, a source without freshness. ``in_batches`` is True for an incremental model that dbt
    builds a batch of event time at a time (``microbatch``).
    """

    unique_id: str
    kind: str
    name: str
    package: str
    fqn: tuple[str, ...]
    path: str
    parents: tuple[str, ...]
    owner: str | None
    settings: Mapping[str, Any]
    runs: bool
    reads_this: bool
    tags: frozenset[str]
    in_batches: bool

    @property
    def is_test(self) -> bool:
        """True for data tests and unit tests."""
        return self.kind in TESTS

    @property
    def has_task(self) -> bool:
        """True for what is drawn as a task: all but a source whose freshness is not asked for."""
        return self.runs or self.kind == "model"

    @property
    def command(self) -> str:
        """What runs with the same command of dbt has the same: all tests, or the kind."""
        return "test" if self.is_test else self.kind


class Graph:
    """The nodes of one manifest.

    A test holds back every resource that is downstream of *all* the resources it reads: with
    ``relationships`` from facts to a dimension, what reads both waits for it, what reads the
    dimension alone does not. Since a test then only ever precedes nodes that come after its last
    parent in the topological order, no cycle can arise.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        entries = [
            *manifest["nodes"].values(),
            *manifest["sources"].values(),
            *manifest["unit_tests"].values(),
        ]
        self.project: str = manifest["metadata"]["project_name"]
        self.nodes = {
            entry["unique_id"]: _node(entry)
            for entry in sorted(entries, key=lambda entry: str(entry["unique_id"]))
            if entry["resource_type"] in (*RESOURCES, *TESTS) and _is_enabled(entry)
        }
        self.resources = {uid: node for uid, node in self.nodes.items() if not node.is_test}
        self.tests = {uid: node for uid, node in self.nodes.items() if node.is_test}
        self._order = tuple(
            TopologicalSorter(
                {uid: self.parents_of(node) for uid, node in self.resources.items()}
            ).static_order()
        )
        self._position = {uid: position for position, uid in enumerate(self._order)}
        # A bit a resource, at its position: of a thousand models, sets of all ancestors would take long.
        self._above: dict[str, int] = {}
        for uid in self._order:
            parents = self.parents_of(self.resources[uid])
            self._above[uid] = self._bits(parents)
            for parent in parents:
                self._above[uid] |= self._above[parent]
        self._tests_at: dict[tuple[str, str], list[Node]] = defaultdict(list)
        for test in self.tests.values():
            if len(parents := self.parents_of(test)) == 1:
                self._tests_at[test.kind, parents[0]].append(test)
        self._held_back: dict[str, list[str]] = {}

    def _bits(self, resources: Iterable[str]) -> int:
        bits = 0
        for uid in resources:
            bits |= 1 << self._position[uid]
        return bits

    def parents_of(self, node: Node) -> list[str]:
        """The resources that a node reads directly."""
        return [parent for parent in node.parents if parent in self.resources]

    def ancestors_of(self, resources: Iterable[str]) -> set[str]:
        """All resources that any of these is built from, directly or not."""
        bits = 0
        for uid in resources:
            bits |= self._above[uid]
        return {uid for uid, position in self._position.items() if bits >> position & 1}

    def descendants_of(self, resources: Iterable[str]) -> set[str]:
        """All resources that are built from any of these, directly or not."""
        bits = self._bits(resources)
        return {uid for uid, above in self._above.items() if above & bits}

    def home_of(self, test: Node) -> str | None:
        """The resource under which a test is shown: the last of its parents in topological order.

        Its declared owner may come before another parent; a group of tasks that held it would then
        both precede and follow that parent's group, which Airflow's grid refuses. None when the test
        reads no resource.
        """
        return max(self.parents_of(test), key=self._position.__getitem__, default=None)

    def tests_at(self, resource: str) -> list[Node]:
        """The data tests that read this resource and no other."""
        return self._tests_at["test", resource]

    def unit_tests_of(self, resource: str) -> list[Node]:
        """The unit tests of a model."""
        return self._tests_at["unit_test", resource]

    def tests_of_several(self) -> list[Node]:
        """The data tests that read more than one resource."""
        return [t for t in self.tests.values() if t.kind == "test" and len(self.parents_of(t)) > 1]

    def tests_of_none(self) -> list[Node]:
        """The data tests that read no resource, such as one on the account: they hold nothing back."""
        return [t for t in self.tests.values() if not self.parents_of(t)]

    def held_back_by(self, test: Node) -> list[str]:
        """The first resources that must wait for a test; what is downstream of them waits through them."""
        if test.unique_id not in self._held_back:
            self._held_back[test.unique_id] = self._first_after_all(self._bits(self.parents_of(test)))
        return self._held_back[test.unique_id]

    def _first_after_all(self, bits: int) -> list[str]:
        waiting = [uid for uid in self.resources if bits and self._above[uid] & bits == bits]
        return [
            uid
            for uid in waiting
            if not any(self._above[parent] & bits == bits for parent in self.parents_of(self.resources[uid]))
        ]

    @cached_property
    def by_prefix(self) -> Mapping[tuple[str, tuple[str, ...]], list[Node]]:
        """The nodes by command and each beginning of their dotted name, with and without the package."""
        found: dict[tuple[str, tuple[str, ...]], list[Node]] = defaultdict(list)
        for node in self.nodes.values():
            names = (node.fqn, node.fqn[1:])
            for prefix in {name[:size] for name in names for size in range(1, len(name) + 1)}:
                found[node.command, prefix].append(node)
        return found

    def named_by(self, node: Node) -> list[Node]:
        """The nodes that dbt runs when the command for this one selects it by its dotted name.

        Such a name selects what it names and all that is below a folder of that name
        (dbt.graph.selector_methods.is_selected_node).
        """
        return self.by_prefix[node.command, node.fqn]

    def layer_of(self, node: Node) -> str:
        """The layer a resource is shown in: its folder below ``models``, or its kind, or its package."""
        if node.package != self.project:
            return node.package
        if node.kind != "model":
            return f"{node.kind}s"
        folders = node.path.split("/")[1:-1]
        return folders[0] if folders else "models"

    def layers(self) -> dict[str, str | None]:
        """The layer of each resource, or None where its layer cannot be drawn as a group.

        Layers that wait for one another, such as a staging model that reads a mart, would make the
        grid fail: the resources of such layers are shown without one.
        """
        layer = {uid: self.layer_of(node) for uid, node in self.resources.items()}
        edges: dict[str, set[str]] = {name: set() for name in layer.values()}
        for upstream, downstream in self._edges():
            edges[layer[upstream]].add(layer[downstream])
        reach = {name: _reachable(name, edges) for name in edges}
        tangled = {a for a in edges for b in reach[a] if a != b and a in reach[b]}
        return {uid: None if name in tangled else name for uid, name in layer.items()}

    def _edges(self) -> Iterable[tuple[str, str]]:
        for uid, node in self.resources.items():
            yield from ((parent, uid) for parent in self.parents_of(node))
        for test in self.tests_of_several():
            home = self.home_of(test)
            if home is not None:
                yield from ((parent, home) for parent in self.parents_of(test))
                yield from ((home, held) for held in self.held_back_by(test))


def _reachable(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [start]
    while todo:
        for name in edges[todo.pop()] - found:
            found.add(name)
            todo.append(name)
    return found


def _is_enabled(entry: Mapping[str, Any]) -> bool:
    """False for a test of a disabled model, which dbt leaves among the nodes and never runs."""
    return (entry.get("config") or {}).get("enabled") is not False


def _node(entry: Mapping[str, Any]) -> Node:
    kind = entry["resource_type"]
    config = entry.get("config") or {}
    parents = tuple((entry.get("depends_on") or {}).get("nodes") or ())
    owner = entry.get("attached_node")
    if kind == "unit_test" or (kind == "test" and entry.get("test_metadata") and len(parents) == 1):
        owner = parents[0]
    return Node(
        unique_id=entry["unique_id"],
        kind=kind,
        name=_name(entry),
        package=entry["package_name"],
        fqn=tuple(entry["fqn"]),
        path=entry["original_file_path"],
        parents=parents,
        owner=owner,
        settings=((config.get("meta") or {}).get("cosmos") or {}).get("operator_kwargs") or {},
        runs=_has_freshness(entry) if kind == "source" else config.get("materialized") != "ephemeral",
        reads_this=kind == "unit_test" and any(given["input"] == "this" for given in entry["given"]),
        tags=frozenset(entry.get("tags") or ()),
        in_batches=config.get("incremental_strategy") == "microbatch",
    )


def _name(entry: Mapping[str, Any]) -> str:
    """A test's name; a resource's with its version, ``prices_v2``, or its source, ``shop__orders``."""
    if entry["resource_type"] == "source":
        return f"{entry['source_name']}__{entry['name']}"
    return f"{entry['name']}_v{entry['version']}" if entry.get("version") is not None else str(entry["name"])


def _has_freshness(source: Mapping[str, Any]) -> bool:
    freshness = source.get("freshness") or {}
    return any(
        (freshness.get(limit) or {}).get("count") is not None for limit in ("warn_after", "error_after")
    )
