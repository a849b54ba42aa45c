"""Run a project's DAG whole, in a process and with a database of its own; print the tasks' states as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session

from include.headrace.transform import WARNING_XCOM
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag


def main() -> None:
    """Run the project in the folder given."""
    initdb()
    folder = Path(sys.argv[1])
    run = build_dag(manifest_path(folder), folder).test()
    with create_session() as session:
        tasks = session.query(TaskInstance).filter_by(run_id=run.run_id).all()
        warned = session.query(XComModel.task_id).filter_by(run_id=run.run_id, key=WARNING_XCOM).all()
        report = {
            "states": {task.task_id: str(task.state) for task in tasks},
            "tries": {task.task_id: task.try_number for task in tasks},
            "warned": sorted(task_id for (task_id,) in warned),
        }
    print("\n" + json.dumps(report))


if __name__ == "__main__":
    main()
