"""The stream of one statement of PostgreSQL, read by one thread and broken off by any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import dbapi

from include.headrace.readers.postgres_connection import statement_error
from include.headrace.readers.postgres_split import Pages


class PostgresStream:
    """The open stream of one statement: the table, or some pages of it."""

    def __init__(self, reading: dbapi.Cursor, batches: pa.RecordBatchReader, pages: Pages) -> None:
        self.pages = pages
        self.schema = batches.schema
        self._reading = reading
        self._batches = batches
        self._exhausted = False

    def batches(self, where: str) -> Iterator[list[pa.Array]]:
        """The columns of each batch as they arrived."""
        while True:
            try:
                batch = self._batches.read_next_batch()
            except StopIteration:
                self._exhausted = True
                return
            except (DriverError, pa.ArrowException, OSError) as error:
                raise statement_error(error, where) from None
            if batch.num_rows:
                yield [_unwrapped(column) for column in batch.columns]

    def cancel(self) -> None:
        """Have the server break the statement off, from any thread."""
        if not self._exhausted:
            # A server that is gone breaks it off by itself.
            with suppress(DriverError):
                self._reading.adbc_cancel()

    def close(self) -> None:
        # Otherwise closing would first read the rest of the table.
        self.cancel()
        self._batches.close()
        self._reading.close()


def _unwrapped(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column
