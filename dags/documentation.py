"""Once a day, and whenever it is run by hand: dbt's documentation, for the page ``dbt docs`` of the UI."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, get_parsing_context

from include.headrace.pipeline import DEFAULT_ARGS, START
from include.headrace.pools import DBT_POOL
from include.headrace.settings import DBT_DOCS, schedules_on
from include.headrace.transform.documenting import MakeDocs

if get_parsing_context().dag_id in (None, DBT_DOCS):
    with DAG(
        dag_id=DBT_DOCS,
        schedule="0 4 * * *" if schedules_on() else None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["dbt"],
        doc_md="Has dbt document the project and what is in the warehouse (`dbt docs generate`), for the "
        "page `dbt docs` of this UI. Run it after the project changed.",
    ):
        MakeDocs(task_id="generate", pool=DBT_POOL, execution_timeout=timedelta(minutes=30))
