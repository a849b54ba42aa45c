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
    ("command", "loaded"),
    [
        (["scheduler"], ["dbt.task.test", "cosmos.operators.local", "snowflake.connector"]),
        (["dag-processor"], ["cosmos.operators.local"]),
        (["api-server"], []),
    ],
)
def test_a_component_has_loaded_what_its_children_need_and_opened_nothing(
    command: list[str], loaded: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-2:] == [str(loaded), "[] 1 False"], done.stderr[-2000:]
