from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.headrace.settings import PROJECT_ROOT

Parse = Callable[..., dict[str, Any]]

PROGRAM = Path(__file__).with_name("parse_alone.py")
UNSET = ("AIRFLOW", "HEADRACE_", "SNOWFLAKE_", "DBT_")


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment without what the caller's shell says of Airflow, Headrace and Snowflake."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNSET)}
    return {**kept, "AIRFLOW_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT), **variables}


@pytest.fixture(scope="session")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Parse:
    """Parse a file or folder of DAGs in a process of its own; gives import errors and facts by DAG id.

    The manifest is made current first: to make it takes dbt longer than Airflow waits for an import
    on a busy machine (dagbag_import_timeout, 30 s).
    """
    subprocess.run(
        [sys.executable, "-m", "include.headrace", "parse", "--if-stale"],
        cwd=PROJECT_ROOT,
        env=clean_environment(tmp_path_factory.mktemp("airflow")),
        check=True,
    )

    def run(path: Path, **variables: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(path)],
            cwd=PROJECT_ROOT,
            env=clean_environment(tmp_path_factory.mktemp("airflow"), **variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    return run


@pytest.fixture(scope="session")
def bag(parse: Parse) -> dict[str, Any]:
    """All of dags/, parsed once."""
    return parse(PROJECT_ROOT / "dags")
