"""dlt: its source for SQL databases with one of its backends, to Parquet files or to Snowflake."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dlt
import dlt.destinations.impl.filesystem.filesystem
import dlt.destinations.impl.snowflake.snowflake
import dlt.normalize.worker
import pyarrow.parquet  # noqa: F401
import sqlalchemy  # noqa: F401
from dlt.destinations import filesystem, snowflake
from dlt.sources.sql_database import sql_table

from bench.runners.probe import Job, main

DRIVERS = {"postgres": "postgresql+psycopg2", "mysql": "mysql+mysqldb"}

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__COMPRESSION": "zstd",
}
"""Telemetry would wait for the network; zstd is what the others write."""


def extract(job: Job) -> None:
    """Run a pipeline of one table to its end. Raises dlt's error of the step that failed."""
    home = Path(str(job.folder) + "-dlt")
    os.environ |= {**SETTINGS, "DLT_DATA_DIR": str(home), "DLT_PROJECT_DIR": str(home)}
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=str(home),
        destination=_destination(job),
        dataset_name=job.options.get("dataset", "bench"),
    )
    # Its stream is what its documentation advises for large tables; the other backends have none.
    backend = job.options["backend"]
    stream = {"return_type": "arrow_stream"} if backend == "connectorx" else {}
    scheme = DRIVERS[job.kind]
    table = sql_table(
        job.url(scheme),
        table=job.table,
        backend=backend,
        backend_kwargs={**stream, **_connectorx_address(job, backend)},
        chunk_size=50_000,
    )
    pipeline.run(table, loader_file_format="parquet", write_disposition="replace")


class OneByOne(snowflake):
    """dlt's Snowflake, one statement a request and Parquet alone: the local Snowflake takes nothing else."""

    def _raw_capabilities(self) -> Any:
        capabilities = super()._raw_capabilities()
        capabilities.supports_multiple_statements = False
        capabilities.preferred_loader_file_format = "parquet"
        capabilities.supported_loader_file_formats = ["parquet"]
        return capabilities


def _connectorx_address(job: Job, backend: str) -> dict[str, str]:
    """connectorx would be given SQLAlchemy's address, which names a driver that it does not know."""
    if backend != "connectorx":
        return {}
    return {"conn": job.url({"postgres": "postgresql", "mysql": "mysql"}[job.kind])}


def _destination(job: Job) -> Any:
    to: dict[str, Any] | None = job.options.get("snowflake")
    if to is None:
        return filesystem(bucket_url=f"file://{job.folder}")
    address = f"snowflake://{to['user']}:{to['password']}@{to['account']}/{to['database']}"
    # A stage of its own: the local Snowflake has no stages of tables.
    return OneByOne(
        credentials=f"{address}?host={to['host']}&port={to['port']}&protocol=http", stage_name=to["stage"]
    )


if __name__ == "__main__":
    main(extract)
