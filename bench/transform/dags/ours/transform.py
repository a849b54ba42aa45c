"""The project's own DAG of any dbt project: as ``dags/transform.py`` draws it."""

from __future__ import annotations

import os

from airflow.sdk import get_parsing_context

from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag

dag = build_dag(manifest_path(), dag_id=os.environ["BENCH_DAG"], task_id=get_parsing_context().task_id)
