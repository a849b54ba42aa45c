"""The rows of one query as Arrow columns, in bounded memory, while the server sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from include.headrace.readers.base import TARGET_BATCH_BYTES
from include.headrace.readers.mysql_binary import columns_of
from include.headrace.readers.mysql_connection import TIMEOUTS
from include.headrace.readers.mysql_wire import WireResult

if TYPE_CHECKING:
    from MySQLdb.connections import Connection

BATCH_BYTES = TARGET_BATCH_BYTES // 4
FETCHED_VALUES = 20_000
"""About so many values are Python objects at a time: what a processor's cache holds is turned into
columns twice as fast."""

FETCHED_BYTES = 2 * TARGET_BATCH_BYTES
"""At most so many bytes are fetched at once, if every value were as long as its column allows."""


def binary_batches(connection: Connection, statement: str) -> Iterator[list[pa.Array]]:
    """Run a query and yield its rows: batches of about 4 MB, numbers and moments as such, the rest as bytes.

    The query runs, and fails, on the first ``next``; left early, it is ended by closing the
    connection, which must not be encrypted. Raises the driver's MySQLError.
    """
    result = WireResult(connection, statement, timeout=TIMEOUTS["read_timeout"], block_bytes=BATCH_BYTES)
    ended = False
    try:
        for block in result.blocks():
            yield columns_of(block, result.columns)
        ended = True
    finally:
        result.close()
        if not ended and connection.open:
            connection.close()


def text_batches(connection: Connection, statement: str) -> Iterator[list[pa.Array]]:
    """The same by the driver, in the text protocol: any connection, and every column as bytes."""
    connection.query(statement.encode())
    result = connection.use_result()
    described = result.describe()
    width = len(described)
    # The driver gives the lengths as signed numbers: those of the longest types are below zero.
    longest = sum(column[3] % 2**32 for column in described)
    rows = max(1, FETCHED_VALUES // width)
    at_once = max(1, min(rows, FETCHED_BYTES // max(longest, 1)))
    waiting: list[list[pa.Array]] = []
    size = 0
    ended = False
    try:
        for fetched in _fetched(result, rows, at_once):
            columns = [pa.array(column, pa.binary()) for column in zip(*fetched, strict=True)]
            waiting.append(columns)
            size += sum(column.nbytes for column in columns)
            if size >= BATCH_BYTES:
                yield _joined(waiting)
                waiting, size = [], 0
        ended = True
    finally:
        if not ended and connection.open:
            # Otherwise freeing the result would first read the rest of the table.
            connection.close()
    if waiting:
        yield _joined(waiting)


def _fetched(result: Any, rows: int, at_once: int) -> Iterator[list[tuple[bytes | None, ...]]]:
    """Groups of up to ``rows`` rows, fewer where they are long. Any ``at_once`` rows are bounded in bytes."""
    ended = False
    while not ended:
        group: list[tuple[bytes | None, ...]] = []
        size = 0
        while len(group) < rows and size < BATCH_BYTES:
            found = result.fetch_row(at_once, 0)
            if not found:
                ended = True
                break
            group += found
            if at_once < rows:
                size += sum(len(value) for row in found for value in row if value)
        if group:
            yield group


def _joined(waiting: list[list[pa.Array]]) -> list[pa.Array]:
    if len(waiting) == 1:
        return waiting[0]
    return [pa.concat_arrays(parts) for parts in zip(*waiting, strict=True)]
