"""The public marts of a manifest: what each has an export task for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from include.headrace.transform.graph import Graph, Node

LAYER = "marts"


@dataclass(frozen=True)
class Mart:
    """A public model of the layer ``marts``.

    ``database`` is None where the project's own holds: the drawn manifest names that of the target it
    was made for. ``key`` are the columns that name a row, as the model declares or tests them, and
    nothing where it does neither. ``owner`` is the name of its group's owner, or None.
    """

    node: Node
    database: str | None
    schema: str
    alias: str
    key: tuple[str, ...]
    owner: str | None
    description: str


def public_marts(graph: Graph, manifest: Mapping[str, Any]) -> list[Mart]:
    """Every model of the project's own marts with ``access: public``, by unique id."""
    return [
        _mart(graph, node, manifest)
        for uid, node in graph.resources.items()
        if node.kind == "model"
        and node.runs
        and graph.layer_of(node) == LAYER
        and manifest["nodes"][uid].get("access") == "public"
    ]


def _mart(graph: Graph, node: Node, manifest: Mapping[str, Any]) -> Mart:
    entry = manifest["nodes"][node.unique_id]
    groups = {group["name"]: group for group in (manifest.get("groups") or {}).values()}
    group = groups.get((entry.get("config") or {}).get("group") or "", {})
    return Mart(
        node=node,
        database=(entry.get("config") or {}).get("database"),
        schema=entry["schema"],
        alias=entry["alias"],
        key=_declared_key(entry)
        or _tested_key(manifest["nodes"][test.unique_id] for test in _tests_of(graph, node)),
        owner=(group.get("owner") or {}).get("name"),
        description=str(entry.get("description") or ""),
    )


def _tests_of(graph: Graph, node: Node) -> list[Node]:
    return [test for test in graph.tests_at(node.unique_id) if test.owner == node.unique_id]


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
