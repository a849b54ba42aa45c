"""MongoDB by pymongoarrow: the collection as one Arrow table, with the types of its first documents."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
from pymongo import MongoClient
from pymongoarrow.api import find_arrow_all

from bench.runners.probe import Job, main


def extract(job: Job) -> None:
    """find_arrow_all without a schema, as who does not know the documents calls it; written whole."""
    with MongoClient[dict[str, Any]](
        job.url("mongodb") + "?authSource=admin&directConnection=true"
    ) as client:
        table = find_arrow_all(client[job.database][job.table], {})
    pq.write_table(table, job.folder / "part.parquet", compression="zstd")


if __name__ == "__main__":
    main(extract)
