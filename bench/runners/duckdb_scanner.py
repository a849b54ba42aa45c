"""DuckDB: its scanners of PostgreSQL and MySQL, and its readers of files, to Parquet."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import duckdb

from bench.runners.probe import Job, decimals, main

COPY = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
"""The level that the others have by default."""

EXTENSIONS = {"postgres": "postgres_scanner", "mysql": "mysql_scanner"}


def extract(job: Job) -> None:
    """COPY of the table or file to one Parquet file."""
    with duckdb.connect() as connection:
        found = _attached(connection, job) if job.kind in EXTENSIONS else _file(job)
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"COPY (SELECT * FROM {found}) TO '{job.folder}/part.parquet' {COPY}")


def _attached(connection: Any, job: Job) -> str:
    connection.execute(f"LOAD '{_extension(EXTENSIONS[job.kind])}'")
    name = "dbname" if job.kind == "postgres" else "database"
    where = f"host={job.host} port={job.port} user={job.user} password={job.password} {name}={job.database}"
    connection.execute(f"ATTACH '{where}' AS source (TYPE {job.kind}, READ_ONLY)")
    schema = "public" if job.kind == "postgres" else job.database
    return f'source."{schema}"."{job.table}"'


def _extension(name: str) -> Path:
    """The extension's file in its wheel: DuckDB itself would fetch it from the network."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{name}.duckdb_extension"


def _file(job: Job) -> str:
    """What reads the files. Of a CSV file's columns the decimals are named: else they are read as doubles."""
    if job.kind != "csv":
        return f"{'read_ndjson' if job.kind == 'json' else 'read_parquet'}('{job.path}')"
    types = ", ".join(f"'{name}': 'DECIMAL({digits})'" for name, digits in decimals(job).items())
    return f"read_csv('{job.path}', types = {{{types}}})"


if __name__ == "__main__":
    main(extract)
