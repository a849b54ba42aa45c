"""The baked manifest as the DAGs, and the tasks that must know the whole project, read it.

A process reads a manifest once, and the tasks that are forked from it find it read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from include.headrace.transform.describing import Descriptions
from include.headrace.transform.graph import Graph
from include.headrace.transform.marts import Mart, marts_of
from include.headrace.transform.naming import task_ids


@dataclass(frozen=True)
class Baked:
    """A manifest, its graph, and what is found out of them. Nothing of it is to be changed."""

    manifest: Mapping[str, Any]
    graph: Graph

    @cached_property
    def ids(self) -> Mapping[str, str]:
        """The task id of each node, by unique id. Raises as :func:`task_ids`."""
        return task_ids(self.graph)

    @cached_property
    def taken(self) -> frozenset[str]:
        """The task ids of all nodes."""
        return frozenset(self.ids.values())

    @cached_property
    def layers(self) -> Mapping[str, str | None]:
        """The layer that each resource is shown in; see :meth:`Graph.layers`."""
        return self.graph.layers()

    @cached_property
    def descriptions(self) -> Descriptions:
        """What the project says of its nodes."""
        return Descriptions(self.manifest, self.graph)

    @cached_property
    def marts(self) -> list[Mart]:
        """The project's marts."""
        return marts_of(self.graph, self.manifest)


def read_baked(manifest: Path) -> Baked:
    """The manifest in a file, as it is now."""
    stat = manifest.stat()
    return _read(manifest, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2)
def _read(manifest: Path, *_state: int) -> Baked:
    parsed = json.loads(manifest.read_text())
    return Baked(parsed, Graph(parsed))


def hold_baked(manifest: Path) -> None:
    """Read a manifest, where there is one, and all that a task needs of it, for the tasks to come."""
    # What is wrong with it, or with the project, is for whoever draws it to tell.
    with suppress(Exception):
        baked = read_baked(manifest)
        _ = baked.taken, baked.layers, baked.descriptions, baked.marts, baked.graph.by_prefix
