from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.headrace.demo.trigger import last_error
from include.headrace.settings import PROJECT_ROOT

TRACE = """Traceback (most recent call last):
  File "/app/dags/transform.py", line 27, in <module>
    manifest = manifest_path() if running else current_manifest(rebake=True)
               ^^^^^^^^^^^^^^^
  File "/app/include/headrace/transform/manifest.py", line 110, in _bake
    raise ConfigError(f"dbt cannot parse {project_dir}")
include.headrace.errors.ConfigError: dbt cannot parse /app/dbt:
Compilation Error in model fct_orders
  unknown macro 'refs'
"""


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """``run`` of a checkout in which nothing runs."""
    return subprocess.run(
        [sys.executable, "-m", "include.headrace", "run", *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, "HEADRACE_LOCAL_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("transform",), "error: Nothing is running that could run a DAG; start `make up`"),
        (("ingest__shops",), "error: There is no DAG 'ingest__shops'; the project has ingest__"),
        (("",), "error: There is no DAG ''; the project has ingest__"),
        (
            ("ingest__reference", "--select", "dim_date"),
            "error: Only transform and ops take a selection; ingest__reference runs whole.",
        ),
    ],
)
def test_what_cannot_run_is_said_at_once(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)


def test_a_platform_that_was_killed_counts_as_none(tmp_path: Path) -> None:
    gone = '{"pid": 4194305, "started": 0}'
    (tmp_path / "run.json").write_text(
        f'{{"supervisor": {gone}, "airflow": {{"url": "http://127.0.0.1:1"}}}}'
    )
    done = run("transform", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: Nothing is running")


def test_of_a_stack_trace_only_the_error_is_told() -> None:
    assert last_error(TRACE).splitlines() == [
        "include.headrace.errors.ConfigError: dbt cannot parse /app/dbt:",
        "Compilation Error in model fct_orders",
        "  unknown macro 'refs'",
    ]
    assert last_error("the file was killed after 180 seconds") == "the file was killed after 180 seconds"
