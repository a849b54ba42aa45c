from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import DictCursor

from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform import GATHER, SELECT
from tests.support.snowflake import LocalSnowflake, start_local_snowflake
from tests.support.webhook import running_webhook
from tests.transform.conftest import RAW, Project

PASSWORD = "hush-hush-4711"
TOKEN = "T000/B000/xyzzy-4712"
"""The secret end of the notifier's address."""


FOLLOWERS = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from include.headrace.assets import mart_asset
from include.headrace.config import Schedule
from include.headrace.pipeline import timetable_of

with DAG(dag_id="after_a_name", schedule=timetable_of(Schedule(assets=("mart.prices_v1",)))):
    EmptyOperator(task_id="follow")
for mart in ("customer_list", "prices_v2", "dim_customers", "fct_orders"):
    with DAG(dag_id=f"after_{mart}", schedule=mart_asset(mart)):
        EmptyOperator(task_id="follow")
"""


@dataclass(frozen=True)
class Finished:
    """A run of the sample's DAG: its report, all it printed, and what the notifier's webhook was sent."""

    report: dict[str, Any]
    printed: str
    notices: list[dict[str, Any]]
    exports: Path


@pytest.fixture(scope="module")
def finished(
    sample: Project, snowflake: LocalSnowflake, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """A run of the sample's DAG in which one order has no customer and two customers are new."""
    return run_sample(sample, snowflake, tmp_path_factory.mktemp("airflow"))


def run_sample(
    sample: Project, snowflake: LocalSnowflake, home: Path, select: str = "", **settings: str
) -> Finished:
    """Run the sample's DAG or a part, with an Airflow of its own in ``home`` and these further variables."""
    address = {"account": "local", "role": "R", "warehouse": "W", "host": "127.0.0.1", "protocol": "http"}
    connection = {
        "conn_type": "snowflake",
        "login": "headrace",
        "password": PASSWORD,
        "extra": {**address, "port": snowflake.port},
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "HEADRACE_", "SNOWFLAKE_"))}
    # A run needs its DAG in the folder of DAGs.
    (home / "dags").mkdir()
    (home / "dags" / "sample.py").write_text(
        "from pathlib import Path  # an airflow dag\n"
        "from include.headrace.transform.rendering import build_dag\n"
        f"folder = Path({str(sample.folder)!r})\n"
        "dag = build_dag(folder / 'target' / 'manifest.json', folder)\n"
    )
    (home / "dags" / "followers.py").write_text(FOLLOWERS)
    with running_webhook() as webhook:
        notify = {"conn_type": "http", "host": f"http://127.0.0.1:{webhook.port}/hook", "password": TOKEN}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("run_dag.py")), str(sample.folder), select],
            cwd=PROJECT_ROOT,
            env={
                **kept,
                "AIRFLOW_HOME": str(home),
                "PYTHONPATH": str(PROJECT_ROOT),
                "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
                "AIRFLOW_CONN_SNOWFLAKE_DEFAULT": json.dumps(connection),
                "AIRFLOW_CONN_HEADRACE_NOTIFY": json.dumps(notify),
                "HEADRACE_EXPORTS": str(home / "exports"),
                "HEADRACE_DBT_RUNNER": "forked",
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        notices = [body for _, _, body in webhook.requests]
    assert done.returncode == 0, done.stdout[-4000:]
    return Finished(json.loads(done.stdout.splitlines()[-1]), done.stdout, notices, home / "exports")


def test_a_failed_test_of_two_models_holds_back_what_reads_both(finished: Finished) -> None:
    states = finished.report["states"]
    assert {task for task, state in states.items() if state == "failed"} == {
        "fct_orders.orders_have_customers"
    }
    assert {task for task, state in states.items() if state == "upstream_failed"} == {
        "report.run",
        "tests.report_is_whole",
        "report_monthly.run",
        # What is not whole is not handed on.
        *(f"{mart}.publish" for mart in ("fct_orders", "dim_customers", "report", "report_monthly")),
    }
    assert states["customer_list.run"] == "success"
    assert states["fct_orders.run"] == "success"


def test_a_failed_test_is_not_run_again(finished: Finished) -> None:
    assert finished.report["tries"]["fct_orders.orders_have_customers"] == 1


def test_warnings_leave_the_tasks_green_and_reach_the_notifier(finished: Finished) -> None:
    report = finished.report
    assert report["warned"] == [
        "customer_list.customers_are_known",
        "source__shop__customers.freshness",
        "stg_orders.amount_may_be_missing",
        "tests.source_relationships_shop_customers_id__customer_id__source_shop_orders_",
    ]
    assert {report["states"][task] for task in report["warned"]} == {"success"}
    warnings = {body["task_id"]: body for body in finished.notices if body["event"] == "warning"}
    assert sorted(warnings) == report["warned"]
    told = warnings["customer_list.customers_are_known"]
    assert (told["test_name"], told["failures"]) == ("customers_are_known", 2)
    assert "group by id" in told["compiled_sql"]
    assert "MARTS.customer_list" in told["compiled_sql"]
    assert told["text"].startswith("[local] customers_are_known warned: 2 rows in transform.customer_list.")


def test_a_stale_source_reaches_the_notifier_with_its_age(finished: Finished) -> None:
    [told] = [body for body in finished.notices if body["test_name"] == "shop__customers"]
    assert "shop__customers warned: the newest load is " in told["text"]
    assert "days, " in told["error"]
    assert "(of 2013-01-01T00:00:00+00:00)" in told["error"]


def test_a_failed_test_reaches_the_notifier_too(finished: Finished) -> None:
    [told] = [body for body in finished.notices if body["event"] == "failure"]
    assert told["task_id"] == "fct_orders.orders_have_customers"
    assert "Got 1 result, configured to fail if != 0" in told["error"]


def test_the_printed_query_reads_the_rows_that_a_test_kept(
    finished: Finished, snowflake: LocalSnowflake
) -> None:
    queries = re.findall(r"are kept; this reads them:\n(select \* from \S+)", finished.printed)
    found = {}
    with snowflake.connect() as connection:
        for query in queries:
            cursor = connection.cursor()
            cursor.execute(query)
            found[query.rpartition(".")[2]] = sorted(cursor.fetchall())
    # The order of customer 99, and the two customers that are not listed.
    assert found == {"orders_have_customers": [(99,)], "customers_are_known": [(8, 1), (9, 1)]}
    [told] = [body for body in finished.notices if body["test_name"] == "customers_are_known"]
    assert told["rows_query"] in queries


def test_a_tasks_page_shows_what_it_ran(finished: Finished) -> None:
    pages = finished.report["pages"]
    mart = pages["dim_customers.run"]
    assert mart["compiled_sql"].split() == ["select", "id,", "country", "from", "SHOP.STAGING.stg_customers"]
    outcome = mart["outcome"]
    assert (outcome["status"], outcome["rows"]) == ("success", 3)
    assert outcome["relation"] == "SHOP.MARTS.dim_customers"
    assert re.fullmatch(r"[0-9a-f-]{36}", outcome["query_id"])
    assert pages["countries.seed"]["outcome"]["rows"] == 2
    assert pages["customers_history.snapshot"]["outcome"]["rows"] == 3
    assert "rows" not in pages["stg_customers.run"]["outcome"]
    assert "newest load" in pages["source__shop__customers.freshness"]["outcome"]["message"]


def test_the_page_of_a_failed_test_shows_it_too(finished: Finished) -> None:
    page = finished.report["pages"]["fct_orders.orders_have_customers"]
    assert "from SHOP.MARTS.fct_orders" in " ".join(page["compiled_sql"].split())
    assert (page["outcome"]["status"], page["outcome"]["failing_rows"]) == ("fail", 1)
    assert page["outcome"]["failing_rows_query"].startswith("select * from SHOP.")


def test_the_query_of_a_page_is_the_one_that_built_the_relation(
    finished: Finished, snowflake: LocalSnowflake
) -> None:
    query_id = finished.report["pages"]["dim_customers.run"]["outcome"]["query_id"]
    with snowflake.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select query_text from table(information_schema.query_history()) where query_id = %s", [query_id]
        )
        [(text,)] = cursor.fetchall()
    assert "create or replace" in text.lower()
    assert "dim_customers" in text


def test_a_mart_is_emitted_with_its_rows_and_results_unless_a_test_of_it_failed(finished: Finished) -> None:
    events = finished.report["events"]
    # The test that failed reads fct_orders and dim_customers, and held back report and report_monthly.
    assert sorted(events) == ["mart.customer_list", "mart.prices_v1", "mart.prices_v2", "raw.dbt"]
    version = events["mart.prices_v2"]
    assert (version["model"], version["relation"]) == ("prices_v2", "SHOP.MARTS.PRICES_V2")
    assert version["rows"] == 3
    assert version["tests"] == {"prices_v2.not_null_prices_v2_id": {"status": "pass", "failing_rows": 0}}


def test_an_exported_mart_is_emitted_with_its_export(finished: Finished) -> None:
    event = finished.report["events"]["mart.customer_list"]
    assert event["rows"] == 3
    assert event["tests"] == {"customer_list.customers_are_known": {"status": "warn", "failing_rows": 2}}
    assert Path(event["location"]).parent == finished.exports / "customer_list"
    assert sum(file.stat().st_size for file in Path(event["location"]).iterdir()) == event["bytes"]


def test_the_dags_that_follow_an_emitted_mart_are_due_and_no_others(finished: Finished) -> None:
    assert finished.report["waiting"] == ["after_a_name", "after_customer_list", "after_prices_v2"]


@pytest.fixture(scope="module")
def gathered(finished: Finished, snowflake: LocalSnowflake) -> dict[str, dict[str, Any]]:
    """The rows that the run left in RAW, by task id."""
    with snowflake.connect() as connection:
        cursor = connection.cursor(DictCursor)
        cursor.execute("select * from RAW.DBT.NODES")
        rows = cursor.fetchall()
    assert finished.report["states"][GATHER] == "success"
    assert len({row["TASK_ID"] for row in rows}) == len(rows)
    return {str(row["TASK_ID"]): dict(row) for row in rows}


def test_a_failed_node_fails_the_run_though_the_gathering_after_it_succeeds(finished: Finished) -> None:
    assert finished.report["states"][GATHER] == "success"
    assert finished.report["state"] == "failed"


def test_every_node_that_ran_is_a_row_and_no_other(
    finished: Finished, gathered: dict[str, dict[str, Any]]
) -> None:
    ran = {task_id for task_id, page in finished.report["pages"].items() if page.get("outcome")}
    assert set(gathered) == ran
    assert {"stg_orders.run", "countries.seed", "source__shop__customers.freshness"} < ran
    assert "report.run" not in ran
    assert {row["RUN_TYPE"] for row in gathered.values()} == {"manual"}


def test_a_row_says_what_its_node_did(gathered: dict[str, dict[str, Any]]) -> None:
    failed = gathered["fct_orders.orders_have_customers"]
    assert (failed["STATUS"], failed["FAILURES"], failed["RESOURCE_TYPE"]) == ("fail", 1, "test")
    assert "Got 1 result, configured to fail if != 0" in failed["MESSAGE"]
    warned = gathered["customer_list.customers_are_known"]
    assert (warned["NAME"], warned["STATUS"], warned["FAILURES"]) == ("customers_are_known", "warn", 2)
    mart = gathered["dim_customers.run"]
    assert (mart["UNIQUE_ID"], mart["RESOURCE_TYPE"]) == ("model.shop.dim_customers", "model")
    assert (mart["STATUS"], mart["ROW_COUNT"], mart["FAILURES"]) == ("success", 3, None)
    assert mart["STARTED_AT"] < mart["COMPILED_AT"] < mart["ENDED_AT"]
    assert mart["TRY_NUMBER"] == 1
    assert gathered["fct_orders.run"]["INVOCATION_ID"] != mart["INVOCATION_ID"]


def test_secrets_are_printed_nowhere_and_kept_nowhere(finished: Finished) -> None:
    for secret in (PASSWORD, TOKEN):
        assert secret not in finished.printed
        assert secret not in str(finished.notices)


PART = "stg_customers countries source:shop.customers"
"""A node of each kind: Cosmos takes several seconds for each."""

PASSING = ("query", "query_id", "seconds", "message")
"""What a page tells that differs from one run to the next."""


def told(finished: Finished) -> dict[str, dict[str, Any]]:
    """What each task's page tells of the run and would tell of the same run again."""
    return {
        task_id: {name: value for name, value in (page.get("outcome") or {}).items() if name not in PASSING}
        for task_id, page in finished.report["pages"].items()
    }


def test_left_to_cosmos_everything_ends_the_same(
    finished: Finished, sample: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = start_local_snowflake(tmp_path_factory.mktemp("another"))
    try:
        with server.connect() as connection:
            for statement in RAW:
                connection.cursor().execute(statement)
        home = tmp_path_factory.mktemp("stock")
        stock = run_sample(sample, server, home, PART, HEADRACE_DBT_RUNNER="cosmos")
    finally:
        server.stop()
    ran = {task_id for task_id, state in stock.report["states"].items() if state != "skipped"} - {
        SELECT,
        GATHER,
    }
    kinds = {task_id.rsplit(".")[-1] for task_id in ran}
    assert {"run", "seed", "freshness", "unique_stg_customers_id", "unique_countries_code"} <= kinds
    for part in ("states", "tries"):
        assert _of(stock.report[part], ran) == _of(finished.report[part], ran)
    assert stock.report["warned"] == [task_id for task_id in finished.report["warned"] if task_id in ran]
    assert _of(told(stock), ran) == _of(told(finished), ran)


def _of(all_tasks: dict[str, Any], ran: set[str]) -> dict[str, Any]:
    return {task_id: all_tasks[task_id] for task_id in ran}
