"""Once a day: remove what failed and killed loads left behind."""

from __future__ import annotations

from airflow.sdk import DAG, Param, get_parsing_context

from include.headrace.operators import SweepOperator
from include.headrace.pipeline import DEFAULT_ARGS, START
from include.headrace.settings import SNOWFLAKE_CONN_ID, SWEEP, schedules_on

if get_parsing_context().dag_id in (None, SWEEP):
    with DAG(
        dag_id=SWEEP,
        schedule="30 3 * * *" if schedules_on() else None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["maintenance"],
        params={
            "older_than": Param(
                "7d",
                type="string",
                description="How old staged files of a load that never committed must be, such as 12h or 7d. "
                "Those of a committed load go after an hour.",
            )
        },
        doc_md="Removes what loads left behind: staged files and attempts' tables of loads that committed "
        "over an hour ago or are older than `older_than`, and working folders of killed tasks on the worker "
        "that runs it. RAW and LOADS are not touched. See `docs/loads.md`.",
    ):
        SweepOperator(
            task_id="sweep", snowflake_conn_id=SNOWFLAKE_CONN_ID, older_than="{{ params.older_than }}"
        )
