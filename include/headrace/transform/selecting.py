"""Running a part of the project: what a DAG run's ``select`` names, and the tests that go with it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import SkipMixin
from airflow.sdk.bases.operator import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from include.headrace.errors import ConfigError
from include.headrace.transform import SELECT
from include.headrace.transform.baked import read_baked
from include.headrace.transform.graph import Graph, Node
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.parts import nodes_of
from include.headrace.transform.window import EVENT_TIME_START, window_of

ITEM = re.compile(r"(\+?)(?:(source|tag|path):)?([A-Za-z0-9_./-]+?)(\+?)")


class SelectNodes(BaseOperator, SkipMixin):
    """Skips, all at once, every task of the DAG whose dbt node the run's parameter ``select`` leaves out.

    Comes before all others, and looks at all parameters, so that a wrong one stops a run before it began.
    """

    def __init__(self, *, project_dir: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project_dir = str(project_dir)

    def execute(self, context: Any) -> None:
        """Skip what is left out. Fails without a retry where a parameter is wrong."""
        text = (context["params"].get(SELECT) or "").strip()
        try:
            windowed = bool(window_of(context["params"]))
            if not text and not windowed:
                return
            baked = read_baked(manifest_path(Path(self.project_dir)))
            graph = baked.graph
            drawn = nodes_of(graph, context["ti"].dag_id)
            chosen = drawn.intersection(selected(graph, text) if text else graph.nodes)
            if not chosen:
                raise ConfigError(f"select is {text!r}, and this DAG runs nothing of that; another does.")
            if windowed and not any(graph.nodes[uid].in_batches for uid in chosen):
                raise ConfigError(
                    f"{EVENT_TIME_START} is given, and no model of this run is built in batches of event "
                    "time (microbatch): it would be ignored."
                )
        except ConfigError as error:
            raise AirflowFailException(str(error)) from error
        left_out = [baked.ids[uid] for uid in sorted(drawn - chosen) if graph.nodes[uid].has_task]
        # The DAG that a running task reads has no task but its own; what is skipped is told by its id.
        self.skip(context["ti"], [EmptyOperator(task_id=task_id) for task_id in left_out])


def selected(graph: Graph, text: str) -> set[str]:
    """The unique ids of the resources that ``text`` names, and of the tests that can run with them.

    ``text`` is a subset of dbt's selection syntax: names of models, seeds and snapshots (``prices`` is all
    versions of a model, ``prices.v2`` or ``prices_v2`` is one), ``source:<source>`` and
    ``source:<source>.<table>``, ``tag:<tag>``, ``path:<folder or file>`` below the project, each with ``+``
    before it for all it is built from and ``+`` after it for all that is built from it; several are parted
    by blanks. A test goes with what it reads when all of that is selected, or above what is selected: dbt
    calls this "buildable". Raises ConfigError for what is not there and for another syntax.
    """
    chosen: set[str] = set()
    for item in text.split():
        chosen |= _named(graph, item)
    within_reach = chosen | graph.ancestors_of(chosen)
    for uid, test in graph.tests.items():
        parents = set(graph.parents_of(test))
        if parents & chosen and parents <= within_reach:
            chosen.add(uid)
    return chosen


def _named(graph: Graph, item: str) -> set[str]:
    found = ITEM.fullmatch(item)
    if found is None:
        raise ConfigError(
            f"select has {item!r}; write the name of a model, seed or snapshot, or source:<name>, tag:<name> "
            "or path:<folder>, with + before it, after it or both."
        )
    above, method, name, below = found.groups()
    wanted = {uid for uid, node in graph.resources.items() if _is_named(node, method, name)}
    if not wanted:
        what = {None: "model, seed or snapshot of that name", "source": "source of that name"}
        told = what.get(method, f"model, seed, snapshot or source of that {method}")
        raise ConfigError(f"select has {item!r}, and the project has no {told}.")
    chosen = set(wanted)
    if above:
        chosen |= graph.ancestors_of(wanted)
    if below:
        chosen |= graph.descendants_of(wanted)
    return chosen


def _is_named(node: Node, method: str | None, name: str) -> bool:
    if method == "source":
        return node.kind == "source" and name in (node.fqn[-2], ".".join(node.fqn[-2:]))
    if method == "tag":
        return name in node.tags
    if method == "path":
        return PurePosixPath(node.path).is_relative_to(PurePosixPath(name))
    if node.kind == "source":
        return False
    # dbt.graph.selector_methods.is_selected_node: all versions, or one, parted by a dot or an underscore.
    *_, model, version = ("", *node.fqn)
    versioned = node.kind == "model" and f"{model}_{version}" == node.name
    return node.name == name or (versioned and name in (model, f"{model}.{version}"))
