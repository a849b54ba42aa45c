"""The last task of a run: it loads what the run's tasks left of their dbt nodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.headrace import settings
from include.headrace.operators import permanent_errors_fail_at_once
from include.headrace.transform import NODE_XCOM

if TYPE_CHECKING:
    from include.headrace.transform.result import NodeResult

LONGEST_MESSAGE = 1000
"""Characters of dbt's message that are kept; the task's log has it whole."""


def row_of(node: NodeResult, config: dict[str, Any], ti: Any) -> dict[str, Any]:
    """What a task leaves of its node: a row of ``RAW.DBT.NODES`` without what it says of the run.

    ``config`` is Cosmos's of the node, with ``name`` and ``resource_type``; ``ti`` the task that ran it.
    """
    return {
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "try_number": ti.try_number,
        "unique_id": node.unique_id,
        "name": config["name"],
        "resource_type": config["resource_type"],
        "status": node.status,
        "message": node.message[:LONGEST_MESSAGE],
        "failures": node.failures if node.is_test else None,
        "row_count": node.rows,
        "bytes": node.bytes,
        "seconds": node.seconds,
        "started_at": node.started_at,
        "compiled_at": node.compiled_at,
        "ended_at": node.ended_at,
        "query_id": node.query_id or None,
        "invocation_id": node.invocation_id,
        "thread": node.thread,
    }


class GatherNodes(BaseOperator):
    """Loads what each task of this run did to ``RAW.DBT.NODES``, whether it succeeded or failed.

    A teardown: it runs when all tasks of nodes have ended, and the run's state is theirs alone. A run that
    is gathered again, because tasks of it were cleared, merges its rows: a task's new try is a new row.
    """

    def __init__(self, *, project_dir: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project_dir = str(project_dir)

    def execute(self, context: Any) -> dict[str, int]:
        """Run one try; returns the counts of the load. Raises AirflowFailException for what no retry can
        mend."""
        from include.headrace.ledger import TaskRef
        from include.headrace.session import query_tag, sessions
        from include.headrace.transform.artifacts import load_rows, rows_of
        from include.headrace.workspace import working_folder

        ti = context["ti"]
        left = ti.xcom_pull(task_ids=self._nodes(ti.dag_id), key=NODE_XCOM)
        run = {"dag_id": ti.dag_id, "run_id": ti.run_id, "run_type": context["dag_run"].run_type.value}
        tag = query_tag(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id)
        with permanent_errors_fail_at_once(), working_folder() as folder:
            loaded = load_rows(
                sessions(settings.SNOWFLAKE_CONN_ID, tag),
                settings.raw_database(),
                rows_of([row for row in left if row], run),
                TaskRef(ti.dag_id, ti.task_id, ti.run_id, ti.try_number),
                folder,
            )
        counts = {name: int(value) for name, value in loaded.items() if name.startswith("rows_")}
        self.log.info("Load %s of what the nodes did is committed: %s", loaded["load_id"], counts)
        return counts

    def _nodes(self, dag_id: str) -> list[str]:
        """The ids of all tasks that run a node; the DAG that a running task reads has no task but its own."""
        from include.headrace.transform.baked import read_baked
        from include.headrace.transform.manifest import manifest_path
        from include.headrace.transform.parts import nodes_of

        baked = read_baked(manifest_path(Path(self.project_dir)))
        drawn = sorted(nodes_of(baked.graph, dag_id))
        return [baked.ids[uid] for uid in drawn if baked.graph.nodes[uid].runs]
