from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.headrace import settings
from include.headrace.assets import mart_asset
from include.headrace.transform.exporting import ExportMart, PublishMart
from tests.export.conftest import PASSWORD, Mart

ASSET = mart_asset("items")
WARNED = {"items.few": 3, "items.none": None}
"""The rows that tests of severity warn found."""


@pytest.fixture
def context() -> Any:
    """What a running task is given, as far as these operators look at it."""
    ti = SimpleNamespace(
        dag_id="transform",
        task_id="items.export",
        run_id="manual__7",
        xcom_pull=lambda *, task_ids, key: WARNED[task_ids],
    )
    return {"ti": ti, "outlet_events": {ASSET: SimpleNamespace(extra={})}}


@pytest.fixture
def arguments(mart: Mart, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What both operators are made with."""
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", os.environ["AIRFLOW_CONN_SNOWFLAKE_TEST"])
    monkeypatch.setenv("HEADRACE_EXPORTS", str(mart.exports))
    return {
        "model": "items",
        "database": "SHOP",
        "schema": "MARTS",
        "alias": mart.name,
        "tests": {"items.strict": False, "items.few": True, "items.none": True},
        "outlets": [ASSET],
    }


@pytest.fixture
def task(arguments: dict[str, Any]) -> ExportMart:
    return ExportMart(task_id="items.export", key=("id",), **arguments)


RESULTS = {
    "items.strict": {"status": "pass", "failing_rows": 0},
    "items.few": {"status": "warn", "failing_rows": 3},
    "items.none": {"status": "pass", "failing_rows": 0},
}


def test_an_export_tells_of_its_rows_files_and_tests_in_the_assets_event(
    mart: Mart, task: ExportMart, context: Any
) -> None:
    mart.sql("CREATE TABLE {t} AS SELECT 1 AS ID")
    told = task.execute(context)
    manifest = mart.manifest()
    folder = mart.folder / manifest["version"]
    assert told == {
        "model": "items",
        "relation": f"SHOP.MARTS.{mart.name.upper()}",
        "rows": 1,
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "location": str(folder),
        "tests": RESULTS,
    }
    assert context["outlet_events"][ASSET].extra == told
    assert manifest["run_id"] == "manual__7"
    assert PASSWORD not in str(told)


def test_a_mart_that_is_not_exported_is_counted_for_the_assets_event(
    mart: Mart, arguments: dict[str, Any], context: Any
) -> None:
    mart.sql("CREATE TABLE {t} AS SELECT column1 AS ID FROM VALUES (1), (2), (3)")
    told = PublishMart(task_id="items.publish", **arguments).execute(context)
    assert context["outlet_events"][ASSET].extra == told
    assert (told["rows"], told["tests"]) == (3, RESULTS)
    assert not mart.folder.exists()


def test_a_mart_that_is_not_there_fails_without_a_retry_and_emits_nothing(
    task: ExportMart, context: Any
) -> None:
    with pytest.raises(AirflowFailException, match="does not exist"):
        task.execute(context)
    assert not context["outlet_events"][ASSET].extra


def test_exports_are_below_the_local_folder_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_EXPORTS", raising=False)
    assert Path(settings.exports_location()) == settings.LOCAL_DIR / "exports"
    monkeypatch.setenv("HEADRACE_EXPORTS", "s3://aws_default@bucket/exports")
    assert settings.exports_location() == "s3://aws_default@bucket/exports"
