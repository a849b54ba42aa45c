"""The groups and tasks of the dbt project's DAG, each made from a node of the graph."""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, TriggerRule
from airflow.sdk.bases.operator import BaseOperator
from cosmos.config import ProfileConfig
from cosmos.constants import InvocationMode

from include.headrace import settings
from include.headrace.assets import mart_asset
from include.headrace.errors import ConfigError
from include.headrace.pools import DBT_POOL
from include.headrace.transform import operators
from include.headrace.transform.baked import Baked
from include.headrace.transform.exporting import ExportMart, PublishMart
from include.headrace.transform.graph import Node
from include.headrace.transform.marts import Mart
from include.headrace.transform.naming import (
    COMMANDS,
    EXPORTS,
    PUBLICATIONS,
    delivery_id,
    group_id,
    selection,
)
from include.headrace.transform.stock import is_stock
from include.headrace.transform.window import EVENT_TIME_END, EVENT_TIME_START

PROFILE = "headrace"
OPERATORS = {
    "model": operators.RunModel,
    "seed": operators.LoadSeed,
    "snapshot": operators.TakeSnapshot,
    "source": operators.CheckFreshness,
    "test": operators.RunTest,
    "unit_test": operators.RunTest,
}
TASK_SETTINGS = frozenset(
    {
        "pool",
        "pool_slots",
        "queue",
        "priority_weight",
        "retries",
        "retry_delay",
        "max_retry_delay",
        "execution_timeout",
    }
)
"""What ``meta.cosmos.operator_kwargs`` of a node may set. Times are in seconds."""

TASK_DEFAULTS: dict[str, Any] = {
    "pool": DBT_POOL,
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "on_failure_callback": operators.notify_failure,
}


def profile_of(project_dir: Path) -> ProfileConfig:
    """The project's profile, at the target that the environment names."""
    return ProfileConfig(
        profile_name=PROFILE,
        target_name=settings.environment(),
        profiles_yml_filepath=project_dir / "profiles.yml",
    )


def task_arguments(project_dir: Path) -> dict[str, Any]:
    """What every task that runs dbt is made with."""
    return {
        **TASK_DEFAULTS,
        "project_dir": project_dir,
        "profile_config": profile_of(project_dir),
        # Our operators choose the runner themselves; Cosmos is told the mode for which it adds no flags. Left
        # to itself, it finds out its own.
        "invocation_mode": None if is_stock() else InvocationMode.SUBPROCESS,
        "dbt_executable_path": "dbt",
        "install_deps": False,
        "copy_dbt_packages": False,
        "partial_parse": is_stock(),
        "emit_datasets": False,
    }


class Drawing:
    """The groups and tasks of one DAG, as they are made."""

    def __init__(self, baked: Baked, project_dir: Path) -> None:
        self._baked = baked
        self._graph = baked.graph
        self._ids = baked.ids
        self._task_arguments = task_arguments(project_dir)
        self._groups: dict[str, TaskGroup] = {}
        self._tasks: dict[str, BaseOperator] = {}

    def converter(self) -> Callable[..., TaskGroup | None]:
        """A function that draws the group of a resource, to hand to Cosmos.

        It is a function and no method, because Cosmos copies deeply what it is configured with.
        """

        def draw_resource(*, dag: DAG, node: Any, task_args: dict[str, Any], **_: Any) -> TaskGroup | None:
            if is_stock():
                self._task_arguments["cache_dir"] = task_args["cache_dir"]
            return self._draw(dag, self._graph.resources[node.unique_id])

        return draw_resource

    def draw_alone(self, dag: DAG, task_id: str) -> bool:
        """Draw the task of one node or mart, with nothing before or after it. False when none has it."""
        for uid, of_node in self._ids.items():
            if of_node == task_id:
                self._task(dag, self._graph.nodes[uid])
                return True
        if not task_id.endswith((".export", ".publish")):
            return False
        for mart in self._baked.marts:
            if self._delivery_id(mart) == task_id:
                self._delivery(dag, mart)
                return True
        return False

    def _draw(self, dag: DAG, resource: Node) -> TaskGroup | None:
        uid = resource.unique_id
        after = [self._task(dag, test) for test in self._graph.tests_at(uid)]
        before: list[BaseOperator] = []
        for test in self._graph.unit_tests_of(uid):
            # The model must exist before a unit test can describe it.
            (after if test.reads_this else before).append(self._task(dag, test))
        if resource.has_task:
            task = self._task(dag, resource)
            task.set_upstream(before)
            if resource.kind != "source":
                task.set_downstream(after)
        return self._groups.get(uid)

    def add_remaining_tests(self, dag: DAG, drawn: Set[str]) -> None:
        """Add the tests that read several resources, or none, as far as they are among ``drawn``."""
        for test in (*self._graph.tests_of_several(), *self._graph.tests_of_none()):
            if test.unique_id not in drawn:
                continue
            task = self._task(dag, test)
            task.set_upstream(
                [self._tasks[uid] for uid in self._graph.parents_of(test) if uid in self._tasks]
            )
            for held in self._graph.held_back_by(test):
                if held in drawn:
                    task.set_downstream(list(self._groups[held].get_roots()))

    def add_mart(self, dag: DAG, mart: Mart) -> None:
        """Add the task that hands a mart on, after the mart and every test that reads it.

        Nothing waits for it: it is in a group of its own, which comes after all others. It runs only
        when all that it waits for has succeeded: what was not built or not tested is not handed on.
        """
        task = self._delivery(dag, mart)
        task.set_upstream([self._tasks[before] for before in (mart.node.unique_id, *mart.tests)])

    def _delivery(self, dag: DAG, mart: Mart) -> BaseOperator:
        model = group_id(self._graph, mart.node)
        chosen: dict[str, Any] = {
            **TASK_DEFAULTS,
            **self._settings(mart.node),
            **self._baked.descriptions.of(mart.node),
            "dag": dag,
            "task_group": self._layer(dag, EXPORTS if mart.public else PUBLICATIONS),
            "task_id": self._delivery_id(mart),
            "task_display_name": mart.node.name,
            "model": model,
            "database": mart.database,
            "schema": mart.schema,
            "alias": mart.alias,
            "tests": {self._ids[uid]: uid in mart.may_warn for uid in mart.tests},
            "outlets": [mart_asset(model)],
        }
        return ExportMart(**chosen, key=mart.key) if mart.public else PublishMart(**chosen)

    def _delivery_id(self, mart: Mart) -> str:
        verb = "export" if mart.public else "publish"
        return delivery_id(self._graph, mart.node, verb, self._baked.taken)

    def _task(self, dag: DAG, node: Node) -> BaseOperator:
        home = self._graph.home_of(node) if node.is_test else node.unique_id
        task_id = self._ids[node.unique_id]
        shown: dict[str, Any] = {
            "dag": dag,
            "task_group": dag.task_group if home is None else self._group(dag, self._graph.resources[home]),
            "task_id": task_id,
            "task_display_name": node.name if node.is_test else COMMANDS[node.kind],
            # What a run's parameter leaves out is skipped, and holds nothing back.
            "trigger_rule": TriggerRule.NONE_FAILED,
            **self._baked.descriptions.of(node),
        }
        if not node.runs:
            task: BaseOperator = EmptyOperator(**shown)
        else:
            chosen = {**self._task_arguments, **self._settings(node)}
            if node.kind in ("model", "seed"):
                chosen["full_refresh"] = "{{ params.full_refresh }}"
            if node.in_batches:
                chosen |= {name: f"{{{{ params.{name} }}}}" for name in (EVENT_TIME_START, EVENT_TIME_END)}
            task = OPERATORS[node.kind](
                **chosen,
                **shown,
                select=selection(self._graph, node),
                indirect_selection="empty" if node.is_test else None,
                extra_context={
                    "dbt_node_config": {
                        "unique_id": node.unique_id,
                        "name": node.name,
                        "resource_type": node.kind,
                    }
                },
            )
        self._tasks[node.unique_id] = task
        return task

    def _group(self, dag: DAG, resource: Node) -> TaskGroup:
        if resource.unique_id not in self._groups:
            layer = self._baked.layers[resource.unique_id]
            parent = dag.task_group if layer is None else self._layer(dag, layer)
            self._groups[resource.unique_id] = TaskGroup(
                group_id=group_id(self._graph, resource), prefix_group_id=False, dag=dag, parent_group=parent
            )
        return self._groups[resource.unique_id]

    def _layer(self, dag: DAG, name: str) -> TaskGroup:
        # A model may have a layer's name, so a layer's id is not its name alone.
        if name not in self._groups:
            self._groups[name] = TaskGroup(
                group_id=f"layer__{name}", group_display_name=name, prefix_group_id=False, dag=dag
            )
        return self._groups[name]

    def _settings(self, node: Node) -> dict[str, Any]:
        """The task's settings: the node's own over those of the model it is declared on."""
        owner = self._graph.resources.get(node.owner or "")
        chosen = {**(owner.settings if owner else {}), **node.settings}
        if unknown := sorted(set(chosen) - TASK_SETTINGS):
            raise ConfigError(
                f"{node.path}: meta.cosmos.operator_kwargs of {node.unique_id} sets {', '.join(unknown)}; "
                f"it may set {', '.join(sorted(TASK_SETTINGS))}."
            )
        if "execution_timeout" in chosen:
            chosen["execution_timeout"] = timedelta(seconds=chosen["execution_timeout"])
        return chosen
