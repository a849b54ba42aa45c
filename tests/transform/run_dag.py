"""Run a project's DAG whole, in a process and with a database of its own; print the tasks' states as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.models.asset import AssetDagRunQueue, AssetEvent, AssetModel
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session

from include.headrace.transform import SELECT, WARNING_XCOM
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag


def main() -> None:
    """Run the project in the folder given, or the part of it that is named."""
    initdb()
    folder = Path(sys.argv[1])
    run = build_dag(manifest_path(folder), folder).test(run_conf={SELECT: sys.argv[2]})
    with create_session() as session:
        tasks = session.query(TaskInstance).filter_by(run_id=run.run_id).all()
        warned = session.query(XComModel.task_id).filter_by(run_id=run.run_id, key=WARNING_XCOM).all()
        pages = session.query(RenderedTaskInstanceFields).filter_by(run_id=run.run_id).all()
        events = session.query(AssetEvent.extra, AssetModel.name).join(
            AssetModel, AssetModel.id == AssetEvent.asset_id
        )
        report = {
            "state": str(run.state),
            "states": {task.task_id: str(task.state) for task in tasks},
            "tries": {task.task_id: task.try_number for task in tasks},
            "warned": sorted(task_id for (task_id,) in warned),
            "pages": {page.task_id: page.rendered_fields for page in pages},
            "events": {event.name: event.extra for event in events},
            "waiting": sorted(dag_id for (dag_id,) in session.query(AssetDagRunQueue.target_dag_id)),
        }
    print("\n" + json.dumps(report))


if __name__ == "__main__":
    main()
