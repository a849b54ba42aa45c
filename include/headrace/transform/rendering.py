"""The dbt project as an Airflow DAG: one task a model, seed, snapshot, source freshness and test.

Cosmos reads the baked manifest and wires the resources; each is drawn as a group by
:class:`include.headrace.transform.drawing.Drawing`: unit tests, then the resource, then its data tests.
What is downstream of a group waits for all of it. Tests that read several resources are added last, by the
rule of :class:`include.headrace.transform.graph.Graph`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import DAG, AssetAll, Param
from airflow.sdk.definitions.param import ParamsDict
from cosmos.airflow.dag import DbtDag
from cosmos.config import ExecutionConfig, ProjectConfig, RenderConfig
from cosmos.constants import (
    DbtResourceType,
    ExecutionMode,
    InvocationMode,
    LoadMode,
    SourceRenderingBehavior,
    TestBehavior,
)

from include.headrace import config, settings
from include.headrace.assets import asset_of
from include.headrace.pools import DBT_POOL
from include.headrace.transform import ARTIFACTS, GATHER, OPS, SELECT, TRANSFORM, operators
from include.headrace.transform.baked import read_baked
from include.headrace.transform.drawing import TASK_DEFAULTS, Drawing, profile_of, task_arguments
from include.headrace.transform.gathering import GatherNodes
from include.headrace.transform.graph import Graph
from include.headrace.transform.parts import TAG, nodes_of
from include.headrace.transform.selecting import SelectNodes
from include.headrace.transform.stock import is_stock
from include.headrace.transform.window import EVENT_TIME_END, EVENT_TIME_START

DESCRIPTION = "The dbt project: one task a model and one task a test."
DOC = """The dbt project under `dbt/`, one Airflow task a model, seed, snapshot, source freshness and test.

It starts when every source has emitted its asset `raw.<source>`, or by hand. A group is one resource
with its tests; a failed test holds back what depends on what it tested. Clear a model's group to run
it and its tests again. When a mart and every test that reads it have succeeded, its asset `mart.<model>`
is emitted: by the task that exports a public mart (`<model>.export`), for any other by `<model>.publish`.
After a change to an incremental model, trigger it with `full_refresh`. To run a part of the project,
trigger it with `select`.
"""

OPS_DESCRIPTION = "What the runs of the dbt project did."
OPS_DOC = """The dbt models under `dbt/models/ops`: what each node of each run of `transform` did, how long it
took, and what its tests found, in the schema `OPS`. It starts when the last task of a run, `gather`, has
loaded what the run's tasks did, and by hand.
"""


class TransformDag(DbtDag):
    """A DAG that is told from others by its id.

    Airflow hashes the DAG for each edge that is drawn, and all assets of its schedule with it, which takes
    half of the time that drawing takes.
    """

    def __hash__(self) -> int:
        return hash((type(self), self.dag_id))


def build_dag(
    manifest: Path,
    project_dir: Path = settings.DBT_DIR,
    dag_id: str = TRANSFORM,
    *,
    task_id: str | None = None,
) -> DAG:
    """The DAG of a dbt project as its manifest shows it, started by the assets of all sources or by hand.

    The DAG OPS runs what :mod:`include.headrace.transform.parts` says, and starts when a run of another was
    gathered.

    ``task_id`` is the task that reads the DAG to run itself. It gets a DAG of that task alone, without its
    schedule: drawing the others would cost each task as much as a small model does.

    Raises ConfigError where a task cannot be named or selected unambiguously, or a node's
    ``meta.cosmos.operator_kwargs`` sets what it may not.
    """
    if task_id in (SELECT, GATHER) and not is_stock():
        alone = DAG(dag_id=dag_id, schedule=None, **_dag_arguments(dag_id))
        (add_selection if task_id == SELECT else add_gathering)(alone, project_dir)
        return alone
    baked = read_baked(manifest)
    drawing = Drawing(baked, project_dir)
    if task_id is not None and not is_stock():
        alone = DAG(dag_id=dag_id, schedule=None, **_dag_arguments(dag_id))
        if drawing.draw_alone(alone, task_id):
            return alone
    drawn = nodes_of(baked.graph, dag_id)
    dag = TransformDag(
        dag_id=dag_id,
        schedule=asset_of(ARTIFACTS) if dag_id == OPS else _all_sources(),
        **_dag_arguments(dag_id),
        project_config=ProjectConfig(
            project_dir, manifest_path=manifest, install_dbt_deps=False, partial_parse=False
        ),
        profile_config=profile_of(project_dir),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.SUBPROCESS
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_EACH,
            source_rendering_behavior=SourceRenderingBehavior.ALL,
            node_converters=dict.fromkeys(
                (
                    DbtResourceType.MODEL,
                    DbtResourceType.SEED,
                    DbtResourceType.SNAPSHOT,
                    DbtResourceType.SOURCE,
                ),
                drawing.converter(),
            ),
            emit_datasets=False,
            **_cosmos_selection(baked.graph, drawn, dag_id),
        ),
        operator_args={"dbt_executable_path": task_arguments(project_dir)["dbt_executable_path"]},
    )
    drawing.add_remaining_tests(dag, drawn)
    if dag_id != OPS:
        add_gathering(dag, project_dir)
        for mart in baked.marts:
            drawing.add_mart(dag, mart)
    add_selection(dag, project_dir)
    for task in dag.tasks:
        # A run has the DAG's parameters anyway. Stored with each task as well, they are checked once a task.
        task.params = ParamsDict()
    return dag


def _cosmos_selection(graph: Graph, drawn: frozenset[str], dag_id: str) -> dict[str, list[str]]:
    """What Cosmos is told to draw of the resources; nothing where that is all of them."""
    if drawn.issuperset(graph.nodes):
        return {}
    return {"select" if dag_id == OPS else "exclude": [f"tag:{TAG}"]}


def _dag_arguments(dag_id: str) -> dict[str, Any]:
    """What the DAG is made with besides its tasks and its schedule."""
    name, description, doc = (
        (OPS, OPS_DESCRIPTION, OPS_DOC) if dag_id == OPS else (TRANSFORM, DESCRIPTION, DOC)
    )
    return {
        "description": description,
        "doc_md": doc,
        "params": {
            "full_refresh": Param(
                False,
                type="boolean",
                description="Build incremental models and seeds from nothing, not from what is new.",
            ),
            SELECT: Param(
                "",
                type="string",
                description="Run a part: names of models, or source:<name>, tag:<name>, path:<folder>; a + "
                "before one adds all it is built from, a + after it all that is built from it. Empty: "
                "everything.",
            ),
            EVENT_TIME_START: Param(
                "",
                type="string",
                description="With event_time_end: build this window of the models that are built in batches "
                "of event time (microbatch) again. A date or a time, in UTC, such as 2013-07-01.",
            ),
            EVENT_TIME_END: Param("", type="string", description="Where that window ends; not part of it."),
        },
        "tags": ["dbt", name],
        "default_args": {"owner": "headrace"},
        "catchup": False,
        "max_active_runs": 1,
    }


def add_selection(dag: DAG, project_dir: Path) -> None:
    """Put before everything the task that skips what a run's parameter ``select`` leaves out."""
    roots = list(dag.roots)
    task = SelectNodes(
        dag=dag,
        task_id=SELECT,
        project_dir=project_dir,
        pool=DBT_POOL,
        retries=1,
        on_failure_callback=operators.notify_failure,
    )
    task.set_downstream(roots)


def add_gathering(dag: DAG, project_dir: Path) -> None:
    """Put after every task drawn so far the one that loads what they did.

    It waits for each of them, not for the last alone: a task that is held back has ended while others that
    it waits for still run. What hands marts on does not run dbt, and goes on beside it. As a teardown it
    leaves the run's state to the others: a failed node fails the run, a failed load of what they did does
    not.
    """
    before = list(dag.tasks)
    task = GatherNodes(
        **TASK_DEFAULTS,
        dag=dag,
        task_id=GATHER,
        project_dir=project_dir,
        outlets=[asset_of(ARTIFACTS)],
        # Airflow adds it to what comes before: nodes and this task get a slot before the exports do.
        priority_weight=10,
    )
    task.as_teardown()
    task.set_upstream(before)


def _all_sources() -> AssetAll | None:
    assets = [asset_of(name) for name in config.source_names()]
    return AssetAll(*assets) if assets else None
