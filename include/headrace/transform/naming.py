"""Task ids, and the arguments that make dbt run one node and no other."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection
from pathlib import PurePosixPath

from include.headrace.errors import ConfigError
from include.headrace.transform.graph import Graph, Node

MAX_TASK_ID = 250
"""Airflow's limit on a task id, in characters (airflow.models.base.ID_LEN)."""

COMMANDS = {"model": "run", "seed": "seed", "snapshot": "snapshot", "source": "freshness"}
"""The last part of a resource's task id, by kind."""

EXPORTS = "exports"
"""The group that all exports are shown in."""

PUBLICATIONS = "published"
"""The group of the tasks that only say that a mart is there, for marts that are not exported."""


def group_id(graph: Graph, resource: Node) -> str:
    """The id of a resource's group: its name, after its package when it comes from another one."""
    parts = [resource.name]
    if resource.kind == "source":
        parts.insert(0, "source")
    if resource.package != graph.project:
        parts.insert(0, resource.package)
    return _fold("__".join(parts))


def delivery_id(graph: Graph, model: Node, verb: str, taken: Collection[str]) -> str:
    """The id of the task that hands a mart on: ``<model>.<verb>``. ``taken`` are the ids of all nodes.

    Raises ConfigError when a test of the model has that name.
    """
    task_id = f"{group_id(graph, model)}.{verb}"
    if task_id in taken:
        raise ConfigError(f"{model.path}: the test {task_id} has the name of the model's {verb}; rename it.")
    return task_id


def _fold(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def task_ids(graph: Graph) -> dict[str, str]:
    """The task id of every node of the graph, by unique id.

    A resource is ``<model>.run`` (``.seed``, ``.snapshot``, ``.freshness``), a test
    ``<model it is declared on>.<test>``, a test that is declared on no model ``tests.<test>``. No id
    depends on which other tests there are, with one exception: where several tests would share one,
    each gets the hash of its unique id. An id too long for Airflow is cut and gets the hash too.

    Raises ConfigError when two resources would share an id.
    """
    plain = {uid: _plain_id(graph, node) for uid, node in graph.nodes.items()}
    taken = Counter(plain.values())
    ids = {}
    for uid, node in graph.nodes.items():
        task_id = plain[uid]
        if (node.is_test and taken[task_id] > 1) or len(task_id) > MAX_TASK_ID:
            digest = hashlib.sha256(uid.encode()).hexdigest()[:10]
            task_id = f"{task_id[: MAX_TASK_ID - 12]}__{digest}"
        ids[uid] = task_id
    owners: dict[str, str] = {}
    for uid, task_id in ids.items():
        if task_id in owners:
            raise ConfigError(
                f"{owners[task_id]} and {uid} would both be the task {task_id}; rename one of them."
            )
        owners[task_id] = uid
    return ids


def _plain_id(graph: Graph, node: Node) -> str:
    if not node.is_test:
        return f"{group_id(graph, node)}.{COMMANDS[node.kind]}"
    prefix = group_id(graph, graph.resources[node.owner]) if node.owner in graph.resources else "tests"
    return f"{prefix}.{_fold(node.name)}"


def selection(graph: Graph, node: Node) -> str:
    """The ``--select`` argument that dbt resolves to this node alone.

    It is meant for a command that runs only this kind of node, with ``--indirect-selection empty``
    for tests. dbt has no method for a unique id: nodes that a name and a folder do not tell apart are
    told apart by their file, then by the models they are declared on.

    Raises ConfigError when all of these are the same, or when a name holds a character that means
    something in dbt's selection syntax.
    """
    if not all(re.fullmatch(r"[\w-]+", part) for part in node.fqn):
        raise ConfigError(
            f"{node.path}: dbt's --select cannot name {'.'.join(node.fqn)!r}; "
            "use letters, digits and underscores alone."
        )
    if node.kind == "source":
        return f"source:{node.package}.{'.'.join(node.fqn[-2:])}"
    parts = [_by_name(node)]
    rivals = [other for other in graph.named_by(node) if other is not node]
    if rivals:
        parts.append(f"file:{PurePosixPath(node.path).name}")
        rivals = [
            other for other in rivals if PurePosixPath(other.path).name == PurePosixPath(node.path).name
        ]
    if rivals and node.is_test:
        parts += [f"{selection(graph, graph.resources[uid])}+1" for uid in graph.parents_of(node)]
        rivals = [other for other in rivals if set(graph.parents_of(node)) <= set(graph.parents_of(other))]
    if rivals:
        raise ConfigError(
            f"{node.path}: dbt cannot run {node.unique_id} without {rivals[0].unique_id} "
            f"(in {rivals[0].path}): --select cannot tell them apart. Give one of them another name."
        )
    return ",".join(parts)


def _by_name(node: Node) -> str:
    return f"fqn:{'.'.join(node.fqn)}"
