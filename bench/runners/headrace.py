"""Headrace: the project's own reader and writer, as its extract task uses them, without Snowflake."""

from __future__ import annotations

import json
import os
from typing import Any

# A task's process is forked from one that has these: what they take to import is no part of a task.
import airflow.sdk.execution_time.supervisor  # noqa: F401
import psycopg  # noqa: F401
from airflow.providers.mongo.hooks.mongo import MongoHook  # noqa: F401
from airflow.providers.mysql.hooks.mysql import MySqlHook  # noqa: F401
from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: F401

import include.headrace.readers.csv
import include.headrace.readers.json
import include.headrace.readers.mongo
import include.headrace.readers.mysql
import include.headrace.readers.parquet
import include.headrace.readers.postgres  # noqa: F401
from bench.runners.probe import Job, main
from include.headrace import config
from include.headrace.parts import write_parts
from include.headrace.readers import reader_for
from include.headrace.readers.base import Span

CONNECTION = "bench_source"


def source_and_table(job: Job) -> tuple[config.AnySource, config.Table]:
    """The models of a source file with the one table of the job; its connection is put into Airflow."""
    readers: dict[str, Any] = {"readers": job.options["readers"]} if "readers" in job.options else {}
    names = {"name": "bench", "kind": job.kind}
    if job.kind in ("postgres", "mysql", "mongo"):
        os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = json.dumps(
            {
                "conn_type": job.kind,
                "host": job.host,
                "port": job.port,
                "login": job.user,
                "password": job.password,
                "schema": job.database,
                "extra": {"authSource": "admin"} if job.kind == "mongo" else {},
            }
        )
        names["connection"] = CONNECTION
    else:
        names["location"], _, path = job.path.rpartition("/")
    table: config.Table
    match job.kind:
        case "postgres":
            table = config.PostgresTable(name=job.table, **readers)
            return config.PostgresSource(**names, tables=(table,)), table
        case "mysql":
            table = config.MysqlTable(name=job.table, **readers)
            return config.MysqlSource(**names, tables=(table,)), table
        case "mongo":
            table = config.MongoTable(name=job.table, primary_key=("_id",), **readers)
            return config.MongoSource(**names, tables=(table,)), table
        case "csv":
            table = config.CsvTable(name=job.table, path=path, columns=job.columns)
            return config.CsvSource(**names, tables=(table,)), table
        case "json":
            table = config.JsonTable(name=job.table, path=path)
            return config.JsonSource(**names, tables=(table,)), table
        case "parquet":
            table = config.FileTable(name=job.table, path=path)
            return config.ParquetSource(**names, tables=(table,)), table
    raise ValueError(f"no kind {job.kind}")


def extract(job: Job) -> int:
    """Read the table whole and leave the files where they were written."""
    source, table = source_and_table(job)
    with reader_for(source, table).open(Span()) as extraction:
        written = write_parts(extraction, job.folder, on_file=lambda path, staged: None)
    return written.quarantined


if __name__ == "__main__":
    main(extract)
