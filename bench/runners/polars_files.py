"""polars: its lazy readers of files, streamed to Parquet."""

from __future__ import annotations

import polars

from bench.runners.probe import Job, decimals, main


def extract(job: Job) -> None:
    """Scan the file and sink it, with zstd at the level that the others have by default."""
    if job.kind == "csv":
        types = {name: polars.Decimal(*map(int, digits.split(","))) for name, digits in decimals(job).items()}
        frame = polars.scan_csv(job.path, try_parse_dates=True, schema_overrides=types)
    elif job.kind == "json":
        frame = polars.scan_ndjson(job.path)
    else:
        frame = polars.scan_parquet(job.path)
    frame.sink_parquet(job.folder / "part.parquet", compression="zstd", compression_level=1)


if __name__ == "__main__":
    main(extract)
