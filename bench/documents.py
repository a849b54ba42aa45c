"""The documents for MongoDB, of about 315 bytes of BSON each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from bson import ObjectId

from bench.columns import Column
from bench.datasets import Dataset
from bench.places import DATA

BATCH = 5_000
START = datetime(2015, 1, 1, tzinfo=UTC)

FIELDS = Dataset(
    "documents",
    "documents of 315 bytes",
    ("number",),
    (
        Column("_id", "uuid", path='$._id."$oid"'),
        Column("number", "integer"),
        Column("name", "text"),
        Column("email", "text"),
        Column("created", "timestamp", path='$.created."$date"'),
        Column("price", "double"),
        Column("active", "boolean"),
        Column("address", "json", fields=("street", "city", "code")),
        Column("tags", "json", fields=("$[0]", "$[1]", "$[2]")),
        Column("note", "text"),
    ),
)
"""How the documents' fields are compared. An ``_id`` is hexadecimal text or its bytes, as a UUID is."""

SCHEMA = pa.schema(
    [
        ("_id", pa.string()),
        ("number", pa.int64()),
        ("name", pa.string()),
        ("email", pa.string()),
        ("created", pa.timestamp("ms")),
        ("price", pa.float64()),
        ("active", pa.bool_()),
        ("address", pa.string()),
        ("tags", pa.string()),
        ("note", pa.string()),
    ]
)


@dataclass(frozen=True)
class Documents:
    """So many documents, numbered from 1."""

    count: int

    @property
    def name(self) -> str:
        """The name of their collection."""
        return f"documents_{self.count}_{FIELDS.fingerprint}"

    def reference(self) -> Path:
        """The documents' fields as Parquet, made when it is not there."""
        path = DATA / f"{self.name}.parquet"
        if not path.exists():
            DATA.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            with pq.ParquetWriter(new, SCHEMA) as writer:
                for batch in self.batches():
                    rows = [{**one, **_texts(one)} for one in batch]
                    writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
            new.rename(path)
        return path

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The documents, some at a time."""
        for first in range(1, self.count + 1, BATCH):
            yield [document(i) for i in range(first, min(first + BATCH, self.count + 1))]


def _texts(document: dict[str, Any]) -> dict[str, str]:
    return {
        "_id": str(document["_id"]),
        "address": json.dumps(document["address"]),
        "tags": json.dumps(document["tags"]),
    }


def key(number: int) -> ObjectId:
    """The ``_id`` of a document."""
    return ObjectId(f"{number:024x}")


def document(number: int) -> dict[str, Any]:
    """A document as an application writes them: nested, with a date, a list and numbers."""
    text = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return {
        "_id": key(number),
        "number": number,
        "name": f"Müller {text[:12]}",
        "email": f"{text[12:24]}@example.org",
        "created": START + timedelta(milliseconds=number * 86_413),
        "price": (number % 10_007) / 4,
        "active": number % 3 == 0,
        "address": {"street": f"{text[:20]} way", "city": text[20:], "code": f"{number % 100_000:05d}"},
        "tags": ["red", "green", text[:4]],
        "note": None if number % 5 == 0 else text,
    }
