"""Run as a program: parse dags/ as the DAG processor does, with the network, connections and Variables
forbidden, and print what came out as JSON."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any, NoReturn


def forbidden(*arguments: Any, **_: Any) -> NoReturn:
    shown = [argument for argument in arguments if isinstance(argument, (str, tuple))]
    raise AssertionError(f"importing a DAG file must not open a connection or read a Variable: {shown}")


def facts(dag: Any) -> dict[str, Any]:
    condition = getattr(dag.timetable, "asset_condition", None)
    return {
        "tags": sorted(dag.tags),
        "doc_md": dag.doc_md or "",
        "owner": dag.owner,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "tasks": {
            task.task_id: {
                "retries": task.retries,
                "owner": task.owner,
                "pool": task.pool,
                "callbacks": len(task.on_failure_callback or []),
                "timeout": task.execution_timeout is not None,
                "downstream": sorted(task.downstream_task_ids),
                "outlets": [getattr(outlet, "name", "") for outlet in task.outlets],
            }
            for task in dag.tasks
        },
        "timetable": type(dag.timetable).__name__,
        "assets": sorted(asset.name for asset in getattr(condition, "objects", [condition]) if asset),
    }


def main(folder: str) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import BaseHook, Connection, Variable

    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, forbidden)
    for name in ("create_connection", "getaddrinfo"):
        setattr(socket, name, forbidden)
    setattr(BaseHook, "get_connection", forbidden)  # noqa: B010
    for getter in (Connection, Variable):
        setattr(getter, "get", forbidden)  # noqa: B010

    bag = DagBag(dag_folder=folder)
    found = {
        "errors": dict(bag.import_errors),
        "dags": {dag_id: facts(dag) for dag_id, dag in bag.dags.items()},
    }
    print(json.dumps(found), file=sys.__stdout__)


if __name__ == "__main__":
    main(sys.argv[1])
