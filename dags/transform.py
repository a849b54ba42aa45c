"""The dbt project as an Airflow DAG, started when every source has loaded.

In the local environment a changed model shows by itself; elsewhere the manifest is baked with
``python -m include.headrace parse``, and a stale one is an import error that says so.
"""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from include.headrace.settings import environment
from include.headrace.transform import TRANSFORM
from include.headrace.transform.manifest import current_manifest, manifest_path

running = get_parsing_context()
if running.dag_id in (None, TRANSFORM):
    from include.headrace.transform.rendering import build_dag

    # A running task does not look for changes: only whoever reads the file for its DAGs does.
    for_a_task = running.task_id is not None
    manifest = manifest_path() if for_a_task else current_manifest(rebake=environment() == "local")
    dag = build_dag(manifest, task_id=running.task_id)
