"""Collections, views and time series of MongoDB, streamed as raw BSON and landed as documents."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import bson
import bson.errors

from include.headrace import settings
from include.headrace.config import MongoSource, MongoTable
from include.headrace.cursors import moment_text, order_key
from include.headrace.errors import SourceError
from include.headrace.readers.base import TARGET_BATCH_BYTES, Piece, Rejected, Span
from include.headrace.readers.mongo_connection import Client, Failures, connected
from include.headrace.readers.mongo_documents import LENIENT, MongoRows, key_text, record_text
from include.headrace.readers.mongo_query import projection, span_filter, window_start
from include.headrace.readers.mongo_split import ranges_of
from include.headrace.readers.mongo_stream import Stream
from include.headrace.readers.narrowing import Block, Narrowing

_SIZE = struct.Struct("<I")
CHUNK_BYTES = TARGET_BATCH_BYTES // 4
"""How much BSON is converted at a time. As Python objects it takes about ten times as much."""

SAMPLE_OF = 2**32
"""Of so many values of a checksum, a sample takes its share."""


class MongoReader:
    """One collection, view or time series of a MongoDB database.

    The read is one snapshot where the server has snapshot reads: members of a replica set and sharded
    clusters from MongoDB 5.0. Such a read must end within the server's minSnapshotHistoryWindowInSeconds
    (five minutes, if nobody changed it). Elsewhere, and of a collection without snapshots, documents are
    read in the order of ``_id``, which never changes: each document that is there all the time is read
    exactly once, but one may be read as it was before a change and another as it was after it.

    With several readers, the whole of a collection is read in parts, all at the time of the first's snapshot.

    An ObjectId and a text that is its 24 digits are the same key once they are in a VARCHAR.
    """

    def __init__(self, source: MongoSource, table: MongoTable, only: Sequence[str] = ()) -> None:
        """``only``: see ``readers.reader_for``. The payload is then of the fields that are read."""
        self._source = source
        self._table = table
        self._only = only

    @contextmanager
    def open(self, span: Span) -> Iterator[MongoExtraction | SplitMongoExtraction]:
        """See ``Reader.open``. The snapshot is fixed by the first batch, which is read here."""
        table = self._table
        rows = MongoRows(table)
        # Says what is wrong with the span before the server is asked.
        Narrowing(table, span, rows.schema)
        with connected(self._source) as (client, default, failures):
            database = table.database or default
            if database is None:
                raise SourceError(
                    f"Neither the connection {self._source.connection!r} (schema) nor the table "
                    f"{table.name!r} (database) of {self._source.name} names a database; add one."
                )
            where = f"{database}.{table.name}"
            with failures.told(f"looking for {where}"):
                _check_there(client, database, table.name)
            with failures.told(f"reading {where}"):
                table, span = self._windowed(client, database, span)
                query = self._filter(span)
                prototype = not settings.is_prod()
                limited = prototype and (table.limit is not None or table.window is not None)
                parts = ranges_of(client, database, table, is_partial=bool(query) or limited)
                streams: list[Stream] = []
            with ExitStack() as stack:
                with failures.told(f"reading {where}"):
                    for part in parts:
                        stream = Stream(
                            client,
                            (database, table.name),
                            query=query,
                            projection=projection(table, self._only),
                            # Elsewhere the limit is of what is left of the rows here.
                            limit=table.limit if prototype and not query and table.sample is None else None,
                            part=part,
                            beside=streams[0] if streams else None,
                        )
                        stack.callback(stream.close)
                        streams.append(stream)
                made = [MongoExtraction(where, table, span, rows, stream, failures) for stream in streams]
                yield made[0] if len(made) == 1 else SplitMongoExtraction(made)

    def _windowed(self, client: Client, database: str, span: Span) -> tuple[MongoTable, Span]:
        """The table and the span with the window as a bound of the span.

        Where no document's cursor is a date, the window stays the table's: texts are looked at here.
        """
        table = self._table
        if table.window is None or table.cursor is None or settings.is_prod():
            return table, span
        column = table.taken_out()[table.cursor]
        collection = client[database][table.name]
        start = window_start(collection, column.path or table.cursor, table.window)
        if start is None:
            return table, span
        if column.type == "DATE":
            start += timedelta(days=1, microseconds=-1)
        lower = moment_text(start, column.type)
        table = table.model_copy(update={"window": None})
        if span.lower is not None and order_key(span.lower, column.type) >= order_key(lower, column.type):
            return table, span
        return table, Span(lower=lower, upper=span.upper)

    def _filter(self, span: Span) -> dict[str, Any]:
        table = self._table
        if table.cursor is None:
            return {}
        column = table.taken_out()[table.cursor]
        return span_filter(column.path or table.cursor, column.type, span)


def _check_there(client: Client, database: str, name: str) -> None:
    """Raise SourceError when there is no such collection, view or time series that the user may see."""
    with client[database].list_collections(nameOnly=True, authorizedCollections=True) as found:
        names = sorted(one["name"] for one in found)
    if name in names:
        return
    shown = ", ".join(one for one in names if not one.startswith("system."))
    if not shown:
        databases = ", ".join(client.list_database_names())
        raise SourceError(
            f"MongoDB has no database {database!r} with a collection that the user may read; it has "
            f"{databases or 'none'}. Correct `database` of the table or the connection's schema."
        )
    raise SourceError(
        f"There is no collection {name!r} in the database {database!r} of MongoDB; it has {shown}. "
        "Correct the table's `name`, or what the user may read."
    )


class MongoExtraction:
    """The open read of one collection."""

    def __init__(
        self,
        where: str,
        table: MongoTable,
        span: Span,
        rows: MongoRows,
        stream: Stream,
        failures: Failures,
    ) -> None:
        self.schema = rows.schema
        self._where = where
        self._rows = rows
        self._stream = stream
        self._failures = failures
        self._sample = None if settings.is_prod() else table.sample
        # Narrowing would take its sample by the documents' places, which change from read to read.
        self._narrowing = Narrowing(table.model_copy(update={"sample": None}), span, rows.schema)

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is the document's ``_id``, or its number in this read."""
        return self._narrowing.pieces(self._blocks)

    def _blocks(self) -> Iterator[Block]:
        first = 0
        for documents in self._chunks():
            yield self._block(documents, first)
            first += len(documents)

    def _chunks(self) -> Iterator[list[bytes]]:
        """Some documents at a time: about 4 MB of them, or one that is larger."""
        with self._failures.told(f"reading {self._where}"):
            for batch in self._stream.batches():
                for chunk in _chunks_of(batch):
                    if self._sample is None:
                        yield chunk
                    elif some := [one for one in chunk if _sampled(one, self._sample)]:
                        yield some

    def _block(self, documents: list[bytes], first: int) -> Block:
        rows, faults = self._rows.convert(documents)
        faults = {**self._narrowing.without_cursor(rows), **faults}

        def reject(row: int, reason: str) -> Rejected:
            key = key_text(documents[row])
            place = f"document {first + row + 1}" if key is None else f"_id={key}"
            return Rejected(f"{self._where} {place}", reason, record_text(documents[row]))

        return Block(self._where, first, rows, faults, reject)


class SplitMongoExtraction:
    """The open read of one collection by several cursors, each of a part of it."""

    def __init__(self, parts: Sequence[MongoExtraction]) -> None:
        self.schema = parts[0].schema
        self._parts = parts

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``."""
        for part in self._parts:
            yield from part.pieces()

    def streams(self) -> Sequence[Iterator[Piece]]:
        """See ``SplitExtraction.streams``."""
        return [part.pieces() for part in self._parts]


def _chunks_of(batch: bytes) -> Iterator[list[bytes]]:
    """The documents of a batch, some at a time: each begins with its length (bsonspec.org)."""
    chunk: list[bytes] = []
    start, full, size_at = 0, CHUNK_BYTES, _SIZE.unpack_from
    while start < len(batch):
        end = start + size_at(batch, start)[0]
        if end > full and chunk:
            yield chunk
            chunk, full = [], start + CHUNK_BYTES
        chunk.append(batch[start:end])
        start = end
    if chunk:
        yield chunk


def _sampled(document: bytes, share: float) -> bool:
    """Picks the same documents each time: by a checksum of the ``_id``, or of one without as a whole."""
    try:
        found = bson.decode(document, LENIENT)
    except bson.errors.InvalidBSON:
        return True
    picked = repr(found["_id"]).encode() if "_id" in found else document
    return zlib.crc32(picked) < share * SAMPLE_OF
