from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.headrace.settings import PROJECT_ROOT

PROGRAM = """
import sys
sys.argv = ["airflow", *sys.argv[1:]]
import airflow.settings
import psutil, threading
watched = ("dbt.task.test", "cosmos.operators.local", "snowflake.connector")
print([name for name in watched if name in sys.modules])
print(psutil.Process().net_connections(), threading.active_count(), hasattr(airflow.settings, "preload"))
"""


@pytest.mark.parametrize(
    ("executor", "command", "loaded"),
    [
        ("LocalExecutor", ["scheduler"], ["dbt.task.test", "cosmos.operators.local", "snowflake.connector"]),
        ("CeleryExecutor", ["scheduler"], []),
        (
            "CeleryExecutor",
            ["celery", "worker"],
            ["dbt.task.test", "cosmos.operators.local", "snowflake.connector"],
        ),
        ("LocalExecutor", ["dag-processor"], ["cosmos.operators.local"]),
        ("LocalExecutor", ["api-server"], []),
    ],
)
def test_a_component_has_loaded_what_its_children_need_and_opened_nothing(
    executor: str, command: list[str], loaded: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT_ROOT),
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__EXECUTOR": executor,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-2:] == [str(loaded), "[] 1 False"], done.stderr[-2000:]


FORK = """
import sys
sys.argv = ["airflow", "scheduler"]
import airflow.settings
import os, signal
import dbt_extractor
if (child := os.fork()) == 0:
    signal.alarm(20)
    found = dbt_extractor.py_extract_from_source("{{ ref('a') }} {{ ref('b') }} {{ ref('c') }}")
    os._exit(0 if found["refs"] else 1)
print(os.waitpid(child, 0)[1])
"""


def test_a_forked_task_can_use_dbt_s_native_parser(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["0"], done.stderr[-2000:]
