"""Headrace, the whole way: what the extract task and the load task of a table do, to RAW."""

from __future__ import annotations

import os
import uuid

import snowflake.connector  # noqa: F401
from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook  # noqa: F401

from bench.runners.headrace import source_and_table
from bench.runners.probe import Job, main
from include.headrace.extract import Extract
from include.headrace.ledger import TaskRef
from include.headrace.load import Load
from include.headrace.manifest import LoadIds
from include.headrace.session import query_tag, sessions

CONNECTION = "bench_snowflake"
TASK = TaskRef(dag_id="bench", task_id="bench", run_id="bench", try_number=1)


def load(job: Job) -> int:
    """Extract, PUT, COPY, apply. Returns how many rows were set aside."""
    to = job.options["snowflake"]
    os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = to["connection"]
    open_session = sessions(CONNECTION, query_tag(dag_id="bench"))
    source, table = source_and_table(job)
    ids = LoadIds(source.name, table.name, uuid.uuid4().hex, uuid.uuid4().hex)
    Extract(
        open_session=open_session,
        database=to["database"],
        ids=ids,
        source=source,
        table=table,
        task=TASK,
        interval=None,
        backfill=False,
        folder=job.folder,
    ).run()
    row = Load(open_session, to["database"], ids, table, TASK).run()
    return int(row["rows_quarantined"])


if __name__ == "__main__":
    main(load)
