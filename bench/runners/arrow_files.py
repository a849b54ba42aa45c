"""Arrow batches to one Parquet file, as each peer that hands out batches is made to write them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write(schema: pa.Schema, batches: Iterable[pa.RecordBatch], folder: Path) -> None:
    """Write all batches with zstd at its default level, in bounded memory."""
    with pq.ParquetWriter(folder / "part.parquet", schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
