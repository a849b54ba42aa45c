from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from include.headrace.settings import PROJECT_ROOT
from tests.support.snowflake import LocalSnowflake
from tests.transform.conftest import Project

PASSWORD = "hush-hush-4711"


@pytest.fixture(scope="module")
def finished(
    sample: Project, snowflake: LocalSnowflake, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], str]:
    """A run of the sample's DAG, in which one order has no customer: its report, and all it printed."""
    address = {"account": "local", "role": "R", "warehouse": "W", "host": "127.0.0.1", "protocol": "http"}
    connection = {
        "conn_type": "snowflake",
        "login": "headrace",
        "password": PASSWORD,
        "extra": {**address, "port": snowflake.port},
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "HEADRACE_", "SNOWFLAKE_"))}
    # A run needs its DAG in the folder of DAGs.
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    (home / "dags" / "sample.py").write_text(
        "from pathlib import Path  # an airflow dag\n"
        "from include.headrace.transform.rendering import build_dag\n"
        f"folder = Path({str(sample.folder)!r})\n"
        "dag = build_dag(folder / 'target' / 'manifest.json', folder)\n"
    )
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_dag.py")), str(sample.folder)],
        cwd=PROJECT_ROOT,
        env={
            **kept,
            "AIRFLOW_HOME": str(home),
            "PYTHONPATH": str(PROJECT_ROOT),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_SNOWFLAKE_DEFAULT": json.dumps(connection),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


def test_a_failed_test_of_two_models_holds_back_what_reads_both(finished: tuple[dict[str, Any], str]) -> None:
    states = finished[0]["states"]
    assert {task for task, state in states.items() if state == "failed"} == {
        "fct_orders.orders_have_customers"
    }
    assert {task for task, state in states.items() if state == "upstream_failed"} == {
        "report.run",
        "tests.report_is_whole",
        "report_monthly.run",
    }
    assert states["customer_list.run"] == "success"
    assert states["fct_orders.run"] == "success"


def test_a_failed_test_is_not_run_again(finished: tuple[dict[str, Any], str]) -> None:
    assert finished[0]["tries"]["fct_orders.orders_have_customers"] == 1


def test_warnings_leave_the_tasks_green_and_are_told(finished: tuple[dict[str, Any], str]) -> None:
    report, printed = finished
    assert report["warned"] == [
        "source__shop__customers.freshness",
        "stg_orders.amount_may_be_missing",
        "tests.source_relationships_shop_customers_id__customer_id__source_shop_orders_",
    ]
    assert {report["states"][task] for task in report["warned"]} == {"success"}
    assert "amount_may_be_missing warned" in printed


def test_the_password_is_printed_nowhere(finished: tuple[dict[str, Any], str]) -> None:
    assert PASSWORD not in finished[1]
