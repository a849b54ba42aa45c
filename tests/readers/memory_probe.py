"""Reads a table whole in a process of its own and prints its rows and the memory it took, in MB.

Arguments: the kind of source, and the connection or the folder. The memory is the highest resident
size less that of the interpreter with everything imported.
"""

from __future__ import annotations

import sys

from include.headrace.readers.base import Span
from tests.support.memory import peak_mb
from tests.support.mongo import mongo_reader
from tests.support.reading import csv_reader, mysql_reader, parquet_reader, postgres_reader


def main(kind: str, where: str) -> None:
    if kind == "postgres":
        import psycopg  # noqa: F401
        from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: F401

        reader = postgres_reader(where, "items")
    elif kind == "mysql":
        from airflow.providers.mysql.hooks.mysql import MySqlHook  # noqa: F401

        import include.headrace.readers.mysql

        reader = mysql_reader(where, "items")
    elif kind == "mongo":
        from airflow.providers.mongo.hooks.mongo import MongoHook  # noqa: F401

        import include.headrace.readers.mongo  # noqa: F401

        reader = mongo_reader(where)
    else:
        reader = {"csv": csv_reader, "parquet": parquet_reader}[kind](where)
    before = peak_mb()
    with reader.open(Span()) as extraction:
        rows = sum(piece.rows.num_rows for piece in extraction.pieces())
    print(rows, round(peak_mb() - before))


main(*sys.argv[1:])
