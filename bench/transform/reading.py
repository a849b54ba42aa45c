"""``python -m bench.transform.reading``: one process that reads a DAG file, or draws and stores a project.

``file <path>`` reads a DAG file as Airflow's DAG processor does, in a process that has imported what its
parent would have; ``cold <path>`` in one that has imported Airflow alone. ``project <folder>`` draws the DAG
of a dbt project from its manifest and makes what Airflow stores. Prints one line of JSON, times in seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.serialized_objects import DagSerialization

from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.preload import preload


def _file(path: Path) -> dict[str, Any]:
    began = time.monotonic()
    bag = BundleDagBag(
        dag_folder=path, safe_mode=False, load_op_links=False, bundle_path=path.parent, bundle_name="bench"
    )
    seconds = time.monotonic() - began
    if bag.import_errors or not bag.dags:
        raise RuntimeError(f"{path} has no DAG: {bag.import_errors}")
    return {"seconds": seconds, "tasks": sum(len(dag.tasks) for dag in bag.dags.values())}


def _project(folder: Path) -> dict[str, Any]:
    from include.headrace.transform.rendering import build_dag

    began = time.monotonic()
    dag = build_dag(manifest_path(folder), folder)
    drawn = time.monotonic()
    stored = json.dumps(DagSerialization.to_dict(dag))
    return {
        "seconds": drawn - began,
        "storing": time.monotonic() - drawn,
        "tasks": len(dag.tasks),
        "bytes": len(stored),
    }


def main() -> None:
    """Do what the command line says."""
    what, path = sys.argv[1], Path(sys.argv[2])
    if what != "cold":
        preload(["airflow", "dag-processor"])
    found = _project(path) if what == "project" else _file(path)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
