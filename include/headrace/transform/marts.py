"""The marts of a manifest: each is an Airflow asset, and the public ones are exported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.headrace.transform.graph import Graph, Node

LAYER = "marts"


@dataclass(frozen=True)
class Mart:
    """A model of the layer ``marts``.

    ``public`` marts (``access: public``) are exported. ``database`` is None where the project's own holds:
    the drawn manifest names that of the target it was made for. ``key`` are the columns that name a row, as
    the model declares or tests them, and nothing where it does neither. ``tests`` are the unique ids of all
    tests that read it, declared on it or elsewhere; those in ``may_warn`` can find rows and not fail.
    """

    node: Node
    public: bool
    database: str | None
    schema: str
    alias: str
    key: tuple[str, ...]
    tests: tuple[str, ...]
    may_warn: frozenset[str]


def marts_of(graph: Graph, manifest: Mapping[str, Any]) -> list[Mart]:
    """Every model of the project's own marts that is a relation, by unique id."""
    marts = {
        uid: node
        for uid, node in graph.resources.items()
        if node.kind == "model" and node.runs and graph.layer_of(node) == LAYER
    }
    tests: dict[str, list[Node]] = {uid: [] for uid in marts}
    for test in graph.tests.values():
        for uid in set(test.parents) & marts.keys():
            tests[uid].append(test)
    return [_mart(node, tests[uid], manifest) for uid, node in marts.items()]


def _mart(node: Node, tests: Sequence[Node], manifest: Mapping[str, Any]) -> Mart:
    entry = manifest["nodes"][node.unique_id]
    declared = (t.unique_id for t in tests if t.kind == "test" and t.owner == node.unique_id)
    return Mart(
        node=node,
        public=entry.get("access") == "public",
        database=(entry.get("config") or {}).get("database"),
        schema=entry["schema"],
        alias=entry["alias"],
        key=_declared_key(entry) or _tested_key(manifest["nodes"][uid] for uid in declared),
        tests=tuple(test.unique_id for test in tests),
        may_warn=frozenset(
            test.unique_id for test in tests if _may_warn(manifest["nodes"].get(test.unique_id, {}))
        ),
    )


def _may_warn(test: Mapping[str, Any]) -> bool:
    """Whether a test can find rows and not fail; a unit test, which is no node, cannot."""
    config = test.get("config") or {}
    lenient = str(config.get("severity", "error")).lower() == "warn"
    return lenient or config.get("warn_if") != config.get("error_if")


def _declared_key(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The primary key among the constraints of the model or of one of its columns."""
    for constraint in entry.get("constraints") or ():
        if constraint["type"] == "primary_key":
            return tuple(constraint["columns"])
    return tuple(
        column["name"]
        for column in (entry.get("columns") or {}).values()
        if any(constraint["type"] == "primary_key" for constraint in column.get("constraints") or ())
    )


def _tested_key(tests: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The columns of the first test that says that they are unique: of one column, or of several."""
    for test in tests:
        metadata = test.get("test_metadata") or {}
        if metadata.get("name") == "unique":
            return (str(test["column_name"]),)
        if metadata.get("name") == "unique_combination":
            return tuple(metadata["kwargs"]["columns"])
    return ()
