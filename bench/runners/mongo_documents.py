"""MongoDB by pymongo: its raw batches drained, or each document through json_util to Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from bson import json_util
from pymongo import MongoClient

from bench.runners.arrow_files import write
from bench.runners.probe import Job, main

SCHEMA = pa.schema([("_id", pa.string()), ("payload", pa.string())])
ROWS = 10_000


def extract(job: Job) -> None:
    """As ``how`` of the options says: ``drain`` writes nothing, ``json_util`` writes key and document."""
    with MongoClient[dict[str, Any]](
        job.url("mongodb") + "?authSource=admin&directConnection=true"
    ) as client:
        collection = client[job.database][job.table]
        if job.options["how"] == "drain":
            for _ in collection.find_raw_batches():
                pass
        else:
            write(SCHEMA, _batches(collection.find()), job.folder)


def _batches(documents: Any) -> Iterator[pa.RecordBatch]:
    keys: list[str] = []
    payloads: list[str] = []
    for document in documents:
        keys.append(str(document["_id"]))
        payloads.append(json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS))
        if len(keys) == ROWS:
            yield pa.RecordBatch.from_arrays([pa.array(keys), pa.array(payloads)], schema=SCHEMA)
            keys, payloads = [], []
    yield pa.RecordBatch.from_arrays(
        [pa.array(keys, pa.string()), pa.array(payloads, pa.string())], schema=SCHEMA
    )


if __name__ == "__main__":
    main(extract)
