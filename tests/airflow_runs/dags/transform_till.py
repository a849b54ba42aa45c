"""The project of these tests as a DAG for each runner."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag

RUNNERS = {"till_forked": "forked", "till_warm": "warm"}
PROJECT = Path(os.environ["TILL_PROJECT"])

running = get_parsing_context()
if running.dag_id is not None:
    # A task reads this file in a process of its own.
    os.environ["HEADRACE_DBT_RUNNER"] = RUNNERS[running.dag_id]
for dag_id in RUNNERS:
    if running.dag_id in (None, dag_id):
        globals()[dag_id] = build_dag(manifest_path(PROJECT), PROJECT, dag_id, task_id=running.task_id)
