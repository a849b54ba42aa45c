from __future__ import annotations

import os
import subprocess
import sys

import pytest

from include.headrace.cli import main, parser
from include.headrace.pools import pool_slots
from include.headrace.settings import PROJECT_ROOT


def test_help_names_every_command_and_imports_none_of_their_machinery() -> None:
    heavy = ("airflow", "cosmos", "dbt", "duckdb", "pyarrow", "snowflake.connector", "rich")
    program = (
        "import contextlib, sys; from include.headrace.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        f"print('imported', sorted(set(sys.modules) & set({heavy!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    for name in ("demo", "up", "down", "run", "sql", "parse", "local-snowflake", "pools", "schema", "seed"):
        assert f"\n    {name}" in done.stdout
    assert done.stdout.endswith("imported []\n")


def test_an_error_of_ours_is_one_message_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_API_TOKEN", raising=False)
    assert main(["pools", "--url", "http://127.0.0.1:1"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: AIRFLOW_API_TOKEN is not set")


def test_an_airflow_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_API_TOKEN", "secret-token")
    assert main(["pools", "--url", "http://127.0.0.1:1"]) == 1
    error = capsys.readouterr().err
    assert "Airflow at http://127.0.0.1:1 does not answer" in error
    assert "secret-token" not in error


def test_an_unknown_command_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(["demmo"])
    assert caught.value.code == 2
    assert "demmo" in capsys.readouterr().err


def test_down_with_nothing_running_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("down")
    done = subprocess.run(
        [sys.executable, "-m", "include.headrace", "down"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "HEADRACE_LOCAL_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing was running\n")


def test_every_task_s_pool_is_made() -> None:
    from include.headrace.config import load_sources
    from include.headrace.pipeline import ingestion_dag
    from include.headrace.transform.manifest import current_manifest
    from include.headrace.transform.rendering import build_dag

    dags = [ingestion_dag(source) for source in load_sources()]
    dags.append(build_dag(current_manifest(rebake=True)))
    named = {task.pool for dag in dags for task in dag.tasks}
    assert named - {"default_pool"} == set(pool_slots())
    assert all(count >= 1 for count in pool_slots().values())
