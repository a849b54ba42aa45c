"""ADBC: Arrow's driver for PostgreSQL, its stream written as it comes."""

from __future__ import annotations

from adbc_driver_postgresql import dbapi

from bench.runners.arrow_files import write
from bench.runners.probe import Job, main


def extract(job: Job) -> None:
    """SELECT * of the table; every batch is written."""
    with dbapi.connect(job.url("postgresql")) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {job.quoted}")
        reader = cursor.fetch_record_batch()
        write(reader.schema, reader, job.folder)


if __name__ == "__main__":
    main(extract)
