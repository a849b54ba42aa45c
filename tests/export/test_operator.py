from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.headrace import settings
from include.headrace.transform.exporting import ExportMart
from tests.export.conftest import PASSWORD, Mart

CONTEXT: Any = {"ti": SimpleNamespace(dag_id="transform", task_id="items.export", run_id="manual__7")}


@pytest.fixture
def task(mart: Mart, monkeypatch: pytest.MonkeyPatch) -> ExportMart:
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", os.environ["AIRFLOW_CONN_SNOWFLAKE_TEST"])
    monkeypatch.setenv("HEADRACE_EXPORTS", str(mart.exports))
    return ExportMart(
        task_id="items.export", model="items", database="SHOP", schema="MARTS", alias=mart.name, key=("id",)
    )


def test_the_task_returns_model_rows_bytes_and_location(mart: Mart, task: ExportMart) -> None:
    mart.sql("CREATE TABLE {t} AS SELECT 1 AS ID")
    told = task.execute(CONTEXT)
    manifest = mart.manifest()
    folder = mart.folder / manifest["version"]
    assert told == {
        "model": "items",
        "rows": 1,
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "location": str(folder),
    }
    assert manifest["run_id"] == "manual__7"
    assert PASSWORD not in str(told)


def test_a_mart_that_is_not_there_fails_without_a_retry(task: ExportMart) -> None:
    with pytest.raises(AirflowFailException, match="does not exist"):
        task.execute(CONTEXT)


def test_exports_are_below_the_local_folder_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_EXPORTS", raising=False)
    assert Path(settings.exports_location()) == settings.LOCAL_DIR / "exports"
    monkeypatch.setenv("HEADRACE_EXPORTS", "s3://aws_default@bucket/exports")
    assert settings.exports_location() == "s3://aws_default@bucket/exports"
