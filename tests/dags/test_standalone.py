"""`astro dev start --standalone`: the project works with what that command sets and nothing else.

Not the command itself, which is not at hand: its environment, as astro-cli's airflow/standalone.go builds it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from include.headrace.config import source_names
from include.headrace.settings import PROJECT_ROOT

PROGRAM = """
import sys, airflow.settings, airflow_local_settings
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=conf.get("core", "dags_folder"))
print(bag.import_errors, airflow_local_settings.__file__, *sorted(bag.dags), sep="\\n")
"""
MADE_BY_USE = ("__pycache__", "logs", "standalone")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, bag: dict[str, Any]) -> Path:
    """The project in a folder of its own, with the manifest that parsing it once has made current."""
    folder = tmp_path_factory.mktemp("astro") / "project"
    for name in ("dags", "dbt", "include", ".astro", "airflow_local_settings.py"):
        source = PROJECT_ROOT / name
        if source.is_file():
            shutil.copy(source, folder / name)
        else:
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*MADE_BY_USE))
    return folder


def environment(project: Path) -> dict[str, str]:
    """What the command sets, over what a shell has."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(project),
        "AIRFLOW_HOME": str(project / ".astro" / "standalone"),
        "ASTRONOMER_ENVIRONMENT": "local",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://localhost:8080/execution/",
    }


def test_every_dag_is_there_and_airflow_keeps_to_its_home(project: Path) -> None:
    before = {path.name for path in project.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    count = len(source_names()) + 4
    errors, settings_file, *dags = done.stdout.splitlines()[-count - 2 :]
    assert errors == "{}"
    assert settings_file == str(project / "airflow_local_settings.py")
    assert dags == sorted(
        [*(f"ingest__{name}" for name in source_names()), "dbt_docs", "ops", "sweep", "transform"]
    )
    made = {path.name for path in project.iterdir()} - before
    left_out = {line.strip("/") for line in (PROJECT_ROOT / ".gitignore").read_text().splitlines()}
    assert made <= left_out, "what a start makes in the project's root, git must leave out"
    assert ".astro/standalone" in left_out
