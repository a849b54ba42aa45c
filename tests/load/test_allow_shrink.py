"""The DAG's parameter ``allow_shrink``, from the run to the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.headrace import settings
from tests.faults.victim import CONN_ID, TaskRun
from tests.support.loads import Shop
from tests.support.snowflake import LocalSnowflake, airflow_connection


def test_a_run_that_is_allowed_to_may_empty_a_table(
    shop: Shop, snowflake: LocalSnowflake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shop.source
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", airflow_connection(snowflake.port))
    monkeypatch.setattr(settings, "SOURCES_DIR", tmp_path)
    (tmp_path / f"{name}.yml").write_text(
        f"kind: csv\nlocation: {tmp_path}\ntables:\n  - name: orders\n    path: orders.csv\n"
    )
    (tmp_path / "orders.csv").write_text("id\n1\n2\n")

    def load(run_id: str, **params: bool) -> int:
        staged = TaskRun(name, "extract", run_id, params=params).execute()
        loaded = TaskRun(name, "load", run_id, staged=staged, params=params).execute()
        return int(loaded["rows_deleted"])

    assert load("first") == 0
    (tmp_path / "orders.csv").write_text("id\n")
    for run_id, params in [("second", {}), ("third", {"allow_shrink": False})]:
        with pytest.raises(AirflowFailException, match="one run with the DAG's parameter allow_shrink"):
            load(run_id, **params)
    assert shop.rows('"ID"') == [("1",), ("2",)]
    assert load("fourth", allow_shrink=True) == 2
    assert shop.rows('"ID"') == []
