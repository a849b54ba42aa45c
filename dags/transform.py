"""The dbt project as two Airflow DAGs: the project itself, and what is known of its runs.

``transform`` starts when every source has loaded, ``ops`` when a run of ``transform`` has ended. In the
local environment a changed model shows by itself; elsewhere the manifest is baked with
``python -m include.headrace parse``, and a stale one is an import error that says so.
"""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from include.headrace.settings import environment
from include.headrace.transform import OPS, TRANSFORM
from include.headrace.transform.manifest import current_manifest, manifest_path

running = get_parsing_context()
if running.dag_id in (None, TRANSFORM, OPS):
    from include.headrace.transform.rendering import build_dag

    # A running task does not look for changes: only whoever reads the file for its DAGs does.
    for_a_task = running.task_id is not None
    manifest = manifest_path() if for_a_task else current_manifest(rebake=environment() == "local")
    for dag_id in (TRANSFORM, OPS) if running.dag_id is None else (running.dag_id,):
        globals()[dag_id] = build_dag(manifest, dag_id=dag_id, task_id=running.task_id)
