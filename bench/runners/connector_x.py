"""connectorx: its stream of batches, or the whole table at once."""

from __future__ import annotations

import connectorx
import pyarrow as pa

from bench.runners.arrow_files import write
from bench.runners.probe import Job, main


def extract(job: Job) -> None:
    """SELECT * of the table, as ``return_type`` of the options says."""
    scheme = {"postgres": "postgresql", "mysql": "mysql"}[job.kind]
    kind = job.options["return_type"]
    found = connectorx.read_sql(job.url(scheme), f"SELECT * FROM {job.quoted}", return_type=kind)
    batches = found.to_batches() if isinstance(found, pa.Table) else found
    write(found.schema, batches, job.folder)


if __name__ == "__main__":
    main(extract)
