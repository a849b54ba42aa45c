"""What the dbt project says of its nodes to people: descriptions and owners, as Airflow shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.headrace.transform.graph import Graph, Node

PARTS = ("nodes", "sources", "unit_tests")
"""Where a manifest holds the nodes of the graph."""

MAX_OWNERS = 1900
"""Characters of all owners of a DAG together. Airflow has room for 2000 (airflow.models.dag.DagModel.owners),
the DAG's own among them."""


class Descriptions:
    """The descriptions and owners that a manifest holds."""

    def __init__(self, manifest: Mapping[str, Any], graph: Graph) -> None:
        self._manifest = manifest
        self._graph = graph
        self._groups = {group["name"]: group for group in (manifest.get("groups") or {}).values()}
        owners = {self._owner_in(entry) for part in PARTS for entry in manifest[part].values()}
        self._shows_owners = len(", ".join(owners)) < MAX_OWNERS

    def of(self, node: Node) -> dict[str, str]:
        """The arguments of a node's task that say what it is and whose, such as ``doc_md`` and ``owner``.

        What the project does not say is left out. Where the owners are too many for Airflow, they stand
        in the text alone.
        """
        owner = self.owner_of(node)
        description = str(self._entry(node).get("description") or "").strip()
        shown = {}
        if description or (owner and not node.is_test):
            shown["doc_md"] = "\n\n".join(filter(None, [description, owner and f"Owner: {owner}"]))
        if owner and self._shows_owners:
            shown["owner"] = owner
        return shown

    def owner_of(self, node: Node) -> str:
        """Whose a node is, or an empty text: its ``meta``'s ``owner``, or the name of its group's owner.

        A test without either is owned as what it is declared on, or else shown with, is.
        """
        owner = self._owner_in(self._entry(node))
        home = (node.owner or self._graph.home_of(node)) if node.is_test else None
        if owner or home not in self._graph.resources:
            return owner
        return self.owner_of(self._graph.resources[home])

    def _owner_in(self, entry: Mapping[str, Any]) -> str:
        config = entry.get("config") or {}
        named = (config.get("meta") or {}).get("owner")
        group = (self._groups.get(config.get("group") or "") or {}).get("owner") or {}
        return str(named or group.get("name") or group.get("email") or "")

    def _entry(self, node: Node) -> Mapping[str, Any]:
        for part in PARTS:
            entry: Mapping[str, Any] | None = self._manifest[part].get(node.unique_id)
            if entry is not None:
                return entry
        return {}
