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
    """The stream of one statement: the table, or some pages of it.

    The statement is prepared at once, which locks the table, and runs when it is read. A server may take
    hours to the first row, and only the thread that reads should wait for it.
    """

    def __init__(self, reading: dbapi.Cursor, statement: str, pages: Pages) -> None:
        self.pages = pages
        self.schema: pa.Schema = reading.adbc_execute_schema(statement)
        self._reading = reading
        self._statement = statement
        self._ended = False
        self._begun = False
        self._batches: pa.RecordBatchReader | None = None

    def batches(self, where: str) -> Iterator[list[pa.Array]]:
        """The columns of each batch as they arrived."""
        if self._ended:
            return
        self._begun = True
        try:
            self._reading.execute(self._statement)
            self._batches = self._reading.fetch_record_batch()
            while True:
                batch = self._batches.read_next_batch()
                if batch.num_rows:
                    yield [_unwrapped(column) for column in batch.columns]
        except StopIteration:
            self._ended = True
        except (DriverError, pa.ArrowException, OSError) as error:
            raise statement_error(error, where) from None

    def cancel(self) -> None:
        """Have the server break the statement off, from any thread. One that has not begun never does."""
        if self._begun and not self._ended:
            # A server that is gone breaks it off by itself.
            with suppress(DriverError):
                self._reading.adbc_cancel()
        elif not self._begun:
            self._ended = True

    def close(self) -> None:
        """End the statement. Nothing reads it any more."""
        # Otherwise closing would first read the rest of the table.
        self.cancel()
        if self._batches is not None:
            self._batches.close()
        self._reading.close()


def _unwrapped(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column
