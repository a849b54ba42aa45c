"""A table of any size is read in bounded memory: 300 MB above the interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymongo.collection import Collection

from include.headrace.settings import PROJECT_ROOT
from tests.support.mysql import start_mariadb

LIMIT_MB = 300
ROWS = 1_000_000
TEXT = "x" * 500
"""With it the table takes half a gigabyte: one that is held whole passes the limit."""


def took_mb(kind: str, where: str, expected: int = ROWS) -> int:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.readers.memory_probe", kind, where],
        cwd=PROJECT_ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows, memory = done.stdout.split()[-2:]
    assert int(rows) == expected
    return int(memory)


def test_postgres_is_read_in_bounded_memory(sql: Callable[..., Any]) -> None:
    sql(f"create view items as select g as id, '{TEXT}'::text as t from generate_series(1, {ROWS}) g")
    assert took_mb("postgres", "shop_postgres") < LIMIT_MB


def test_mysql_is_read_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start_mariadb(tmp_path)
    try:
        server.execute("create database shop")
        # A view, so that the rows take no disk.
        server.execute(
            f"create view items as select seq as id, '{TEXT}' as t from seq_1_to_{ROWS}",
            database="shop",
        )
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_MYSQL", server.connection_json("shop"))
        assert took_mb("mysql", "shop_mysql") < LIMIT_MB
    finally:
        server.kill()


def test_documents_of_mongodb_are_read_in_bounded_memory(collection: Collection[dict[str, Any]]) -> None:
    documents = 1000
    seed = collection.database["seed"]
    seed.insert_one({"t": TEXT * 800, "n": list(range(documents)), "o": [{"a": 1.5}] * 100})
    # A view, so that the server need not hold 400 MB either.
    collection.database.create_collection("items", viewOn="seed", pipeline=[{"$unwind": "$n"}])
    assert took_mb("mongo", "shop_mongo", documents) < LIMIT_MB


def test_one_large_row_group_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    batch = pa.record_batch({"id": range(ROWS // 10), "t": [TEXT] * (ROWS // 10)})
    # Without compression, so that the row group is large on disk as well.
    with pq.ParquetWriter(path, batch.schema, compression="none", use_dictionary=False) as writer:
        writer.write_table(pa.Table.from_batches([batch] * 10), row_group_size=ROWS)
    try:
        assert pq.ParquetFile(path).num_row_groups == 1
        assert took_mb("parquet", str(tmp_path)) < LIMIT_MB
    finally:
        path.unlink()


def test_a_large_csv_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    with path.open("w", newline="") as file:
        file.write("id,t\n")
        for _ in range(100):
            file.write(f'1,"{TEXT}"\r\n' * (ROWS // 100))
    try:
        assert took_mb("csv", str(tmp_path)) < LIMIT_MB
    finally:
        path.unlink()
