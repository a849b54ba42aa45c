"""A plain hook: a server-side cursor's rows as Python objects, to Arrow, to Parquet.

The types are those that Arrow finds in the first rows, since a cursor does not name them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import MySQLdb
import psycopg
import pyarrow as pa
from MySQLdb.cursors import SSCursor

from bench.runners.arrow_files import write
from bench.runners.probe import Job, main

ROWS = 10_000


def extract(job: Job) -> None:
    """SELECT * of the table, 10,000 rows at a time."""
    rows = _postgres(job) if job.kind == "postgres" else _mysql(job)
    names, first = next(rows)
    types = pa.RecordBatch.from_arrays([pa.array(column) for column in first], names)
    schema = pa.schema([_unbounded(field) for field in types.schema])
    write(schema, _batches(schema, first, rows), job.folder)


def _unbounded(field: pa.Field) -> pa.Field:
    """Arrow gives a decimal the digits of the first rows; later ones may have more."""
    if pa.types.is_decimal(field.type):
        return field.with_type(pa.decimal128(38, field.type.scale))
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


Columns = list[list[Any]]


def _batches(
    schema: pa.Schema, first: Columns, rest: Iterator[tuple[list[str], Columns]]
) -> Iterator[pa.RecordBatch]:
    yield _batch(schema, first)
    for _, columns in rest:
        yield _batch(schema, columns)


def _batch(schema: pa.Schema, columns: Columns) -> pa.RecordBatch:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _postgres(job: Job) -> Iterator[tuple[list[str], Columns]]:
    with psycopg.connect(job.url("postgresql")) as connection, connection.cursor("bench") as cursor:
        cursor.itersize = ROWS
        cursor.execute(f"SELECT * FROM {job.quoted}".encode())
        yield from _chunks(cursor)


def _mysql(job: Job) -> Iterator[tuple[list[str], Columns]]:
    connection = MySQLdb.connect(
        host=job.host, port=job.port, user=job.user, passwd=job.password, db=job.database, charset="utf8mb4"
    )
    with closing(connection), closing(connection.cursor(SSCursor)) as cursor:
        cursor.execute(f"SELECT * FROM {job.quoted}")
        yield from _chunks(cursor)


def _chunks(cursor: Any) -> Iterator[tuple[list[str], Columns]]:
    names = [column[0] for column in cursor.description]
    while rows := cursor.fetchmany(ROWS):
        yield names, [[_plain(value) for value in column] for column in zip(*rows, strict=True)]


def _plain(value: Any) -> Any:
    """Arrow knows neither a UUID nor that a dict is a document."""
    if isinstance(value, uuid.UUID):
        return str(value)
    return json.dumps(value) if isinstance(value, dict) else value


if __name__ == "__main__":
    main(extract)
