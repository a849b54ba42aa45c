"""The data as files, made once: Parquet, which everything is compared with, and text to fill servers from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb

from bench.columns import Column
from bench.datasets import LINEITEM_ROWS_A_SCALE, Dataset
from bench.environments import Environment
from bench.places import DATA

CSV = "(FORMAT csv, HEADER false, NULL 'NULL')"
"""What COPY of PostgreSQL and LOAD DATA of MariaDB both read: NULL is the bare word."""


FILES = 4
"""In so many files the data is for readers of files."""


def connected() -> duckdb.DuckDBPyConnection:
    """DuckDB in UTC, with two threads, within 4 GB."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 2; SET memory_limit = '4GB'")
    return connection


def reference(dataset: Dataset, rows: int) -> Path:
    """The data as Parquet, made when it is not there. Raises NotInstalled where lineitem's maker is not."""
    path = DATA / f"{dataset.table(rows)}.parquet"
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        if all(column.made for column in dataset.columns):
            columns = ", ".join(f'{_made(column)} AS "{column.name}"' for column in dataset.columns)
            with connected() as connection:
                connection.execute(
                    f"COPY (SELECT {columns} FROM range(1, {rows} + 1) AS r(i)) TO '{new}' (FORMAT parquet)"
                )
        else:
            _tpch(rows, new)
        new.rename(path)
    return path


def _made(column: Column) -> str:
    if column.kind == "decimal":
        return f"({column.made})::DECIMAL({column.digits[0]},{column.digits[1]})"
    return column.made


def _tpch(rows: int, path: Path) -> None:
    environment = Environment("tpchgen")
    environment.make()
    folder = path.with_suffix(".tpch")
    subprocess.run(
        [
            environment.folder / "bin" / "tpchgen-cli",
            "parquet",
            *("--scale-factor", f"{rows / LINEITEM_ROWS_A_SCALE:.6f}"),
            *("--tables", "lineitem", "--output-dir", folder),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "lineitem.parquet").rename(path)
    shutil.rmtree(folder)


def row_count(path: Path) -> int:
    """The rows of a Parquet file."""
    with connected() as connection:
        [found] = connection.execute(f"SELECT count(*) FROM '{path}'").fetchall()
    return int(found[0])


def filling(dataset: Dataset, rows: int) -> Path:
    """The data as text for a server to read, made anew. The caller removes it."""
    source = reference(dataset, rows)
    path = source.with_suffix(".filling.csv")
    columns = ", ".join(_plain(column) for column in dataset.columns)
    with connected() as connection:
        connection.execute(f"COPY (SELECT {columns} FROM '{source}') TO '{path}' {CSV}")
    return path


def _plain(column: Column) -> str:
    name = f'"{column.name}"'
    return f"{name}::INTEGER AS {name}" if column.kind == "boolean" else name


def file_set(dataset: Dataset, rows: int, kind: str) -> Path:
    """A folder of the data in four files of a kind: ``csv``, ``json`` (NDJSON) or ``parquet``."""
    source = reference(dataset, rows)
    folder = source.with_suffix(f".{kind}-files")
    if not folder.exists():
        new = emptied(folder.with_suffix(".new"))
        form = {"csv": "(FORMAT csv, HEADER true)", "json": "(FORMAT json)", "parquet": "(FORMAT parquet)"}
        step = -(-rows // FILES)
        with connected() as connection:
            for part in range(FILES):
                where = f"{dataset.key[0]} > {part * step} AND {dataset.key[0]} <= {(part + 1) * step}"
                rows_of = f"SELECT * FROM '{source}' WHERE {where}"
                connection.execute(f"COPY ({rows_of}) TO '{new}/part-{part}.{kind}' {form[kind]}")
        new.rename(folder)
    return folder


def emptied(folder: Path) -> Path:
    """The folder, there and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
