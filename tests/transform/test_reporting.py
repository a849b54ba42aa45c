from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.rendering import build_dag
from include.headrace.transform.reporting import QueryPage, fitting, query_page, tell
from include.headrace.transform.result import NodeResult
from tests.transform.conftest import Project

QUERY = "01b2c3d4-0000-1111-2222-333344445555"
DETAIL = f"#/compute/history/queries/{QUERY}/detail"


def page() -> Any:
    """The fields of an operator that a page shows, as they are before it runs."""
    return SimpleNamespace(
        compiled_sql="",
        outcome=None,
        query_page="",
        overwrite_rtif_after_execution=False,
        operator_extra_links=(QueryPage(),),
    )


@pytest.mark.parametrize(
    ("account", "host", "place"),
    [
        ("MyOrg-Prod_EU", "", "myorg/prod_eu"),
        ("myorg-prod-eu", "myorg-prod-eu.snowflakecomputing.com", "myorg/prod_eu"),
        ("myorg-prod.privatelink", "", "myorg/prod"),
        ("xy12345.eu-central-1", "", "eu-central-1/xy12345"),
        ("xy12345.east-us-2.azure", "", "east-us-2.azure/xy12345"),
        ("xy12345", "", "us-west-2/xy12345"),
    ],
)
def test_a_query_of_a_real_account_has_a_page(account: str, host: str, place: str) -> None:
    assert query_page(account, host, QUERY) == f"https://app.snowflake.com/{place}/{DETAIL}"


@pytest.mark.parametrize(
    ("account", "host", "query"),
    [("local", "127.0.0.1", QUERY), ("myorg-prod", "", ""), ("", "", QUERY)],
)
def test_no_query_and_no_snowflake_have_none(account: str, host: str, query: str) -> None:
    assert query_page(account, host, query) == ""


def test_what_a_model_did_is_on_its_page_and_in_its_log(caplog: pytest.LogCaptureFixture) -> None:
    node = NodeResult(
        "model.shop.m", "success", "SUCCESS 1234", 0, "select 1", "A.B.M", 1234, 5678, QUERY, 0.5
    )
    shown = page()
    with caplog.at_level(logging.INFO, "include.headrace.transform.reporting"):
        tell(shown, node, "myorg-prod", "")
    link = f"https://app.snowflake.com/myorg/prod/{DETAIL}"
    assert shown.compiled_sql == "select 1"
    assert shown.outcome == {
        "status": "success",
        "message": "SUCCESS 1234",
        "relation": "A.B.M",
        "rows": 1234,
        "bytes": 5678,
        "seconds": 0.5,
        "query_id": QUERY,
        "query": link,
    }
    [button] = shown.operator_extra_links
    assert button.get_link(shown, ti_key=None) == link
    assert [record.getMessage() for record in caplog.records] == [
        f"model.shop.m: success, 1,234 rows, 5,678 bytes, 0.50 s, query {QUERY}, {link}"
    ]


def test_where_there_is_no_page_there_is_no_button() -> None:
    shown = page()
    tell(shown, NodeResult("model.shop.m", "success", "", 0, "", query_id=QUERY), "local", "127.0.0.1")
    assert not shown.operator_extra_links
    assert "query" not in shown.outcome


@pytest.mark.parametrize(
    ("uid", "relation", "failures", "query"),
    [
        ("test.shop.t", "A.AUDIT.T", 2, "select * from A.AUDIT.T"),
        ("test.shop.t", "A.AUDIT.T", 0, None),
        ("test.shop.t", "", 2, None),
        ("model.shop.m", "A.B.M", 0, None),
    ],
)
def test_only_rows_that_were_kept_have_a_query(
    uid: str, relation: str, failures: int, query: str | None
) -> None:
    shown = page()
    tell(shown, NodeResult(uid, "fail", "", failures, "", relation), "local", "127.0.0.1")
    assert shown.outcome.get("failing_rows_query") == query


def test_sql_longer_than_a_rendered_field_is_cut_there_and_whole_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH", "100")
    sql = "select " + "1 + " * 50 + "1 as the_end"
    shown = page()
    with caplog.at_level(logging.INFO, "include.headrace.transform.reporting"):
        tell(shown, NodeResult("model.shop.m", "success", "", 0, sql), "local", "127.0.0.1")
    assert len(shown.compiled_sql) == 100
    assert shown.compiled_sql.startswith("select 1 + 1")
    assert shown.compiled_sql.endswith("\n-- ... 219 characters in all; the task's log has them.")
    assert sql in caplog.records[-1].getMessage()
    assert fitting("x" * 100) == "x" * 100


def test_airflow_stores_the_button_with_the_tasks_that_run_dbt_alone(sample: Project) -> None:
    dag: DAG = build_dag(manifest_path(sample.folder), sample.folder)
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    for task in stored.tasks:
        expected = ["Query in Snowflake"] if hasattr(dag.get_task(task.task_id), "outcome") else []
        assert list(task.operator_extra_link_dict) == expected
    assert stored.get_task("stg_orders.run").operator_extra_link_dict["Query in Snowflake"].xcom_key == (
        "_link_QueryPage"
    )
