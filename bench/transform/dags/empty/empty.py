"""The graph of the project's DAG, each task a process that does nothing: the scheduler's floor."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG, BaseOperator, get_parsing_context

from include.headrace.pools import DBT_POOL


class Nothing(BaseOperator):
    """A task that runs and does nothing."""

    def execute(self, context: Any) -> None:
        """Do nothing."""


running = get_parsing_context().task_id
dag = DAG(os.environ["BENCH_DAG"], schedule=None, catchup=False, default_args={"pool": DBT_POOL})
if running is not None:
    Nothing(task_id=running, dag=dag)
else:
    from include.headrace.transform.manifest import manifest_path
    from include.headrace.transform.rendering import build_dag

    drawn = build_dag(manifest_path(), dag_id="drawn")
    for task_id in drawn.task_dict:
        Nothing(task_id=task_id, dag=dag)
    for task in drawn.tasks:
        dag.get_task(task.task_id).set_downstream([dag.get_task(i) for i in sorted(task.downstream_task_ids)])
    del drawn
