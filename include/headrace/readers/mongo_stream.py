"""The documents of one read as batches of BSON: out of a snapshot where there is one, one batch ahead."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

from pymongo.client_session import ClientSession
from pymongo.cursor import RawBatchCursor
from pymongo.errors import OperationFailure, PyMongoError

from include.headrace.readers.mongo_connection import Client
from include.headrace.readers.mongo_split import WHOLE, Range

SNAPSHOT_WIRE_VERSION = 13
"""MongoDB 5.0, the first whose snapshot reads need no transaction."""

DISK_USE_WIRE_VERSION = 9
"""MongoDB 4.4, the first that may sort on disk for a find."""

NO_SNAPSHOT_CODES = (20, 72, 115, 238, 246)
"""IllegalOperation, InvalidOptions, CommandNotSupported, NotImplemented, SnapshotUnavailable: what a
server with snapshots answers that has none of this collection, such as a capped one."""

BATCH_DOCUMENTS = 6_000
"""Documents a batch, at most: left to itself the server fills 16 MB, and for buffers of that size the
memory is fetched anew from the system for each batch, a quarter of the client's CPU time."""

Batches = RawBatchCursor[dict[str, Any]]


class Stream:
    """A find that can be read more than once. ``close`` ends what is still open on the server.

    A batch is at most 16 MB, or one document (MongoDB's manual, Cursor batches). Two are in memory:
    the one in use, and the one that is fetched meanwhile.
    """

    def __init__(
        self,
        client: Client,
        namespace: tuple[str, str],
        *,
        query: dict[str, Any],
        projection: dict[str, int],
        limit: int | None,
        part: Range = WHOLE,
        beside: Stream | None = None,
    ) -> None:
        """Begin the first reading, which fixes the snapshot: that of ``beside``, where it is given.

        ``limit`` is of documents, in order of _id. Of a collection's parts, one is read.
        """
        database, name = namespace
        hello = client.admin.command("hello")
        wire_version = int(hello["maxWireVersion"])
        is_cluster = "setName" in hello or hello.get("msg") == "isdbgrid"
        self._collection = client[database][name]
        self._query = query
        self._projection = projection or None
        self._limit = limit
        self._part = part
        self._sorts_on_disk = wire_version >= DISK_USE_WIRE_VERSION
        self._session: ClientSession | None = None
        self._open: list[Batches] = []
        if is_cluster and wire_version >= SNAPSHOT_WIRE_VERSION:
            self._session = client.start_session(snapshot=True)
            if beside is not None and beside._session is not None:
                # The driver lets nobody choose the time, but sends the one that it has here.
                self._session._snapshot_time = beside._session._snapshot_time
        try:
            self._begun: tuple[Batches, bytes | None] | None = self._begin()
        except OperationFailure as error:
            if self._session is None or beside is not None or error.code not in NO_SNAPSHOT_CODES:
                raise
            self._session.end_session()
            self._session = None
            self._begun = self._begin()

    @property
    def is_snapshot(self) -> bool:
        """True when the server keeps what is read as it was at the start."""
        return self._session is not None

    def batches(self) -> Iterator[bytes]:
        """The batches, each some whole documents of BSON. Raises errors of the driver."""
        cursor, batch = self._begun or self._begin()
        self._begun = None
        with ThreadPoolExecutor(1, thread_name_prefix="mongo") as pool:
            while batch is not None:
                ahead = pool.submit(_next, cursor)
                if batch:
                    yield batch
                batch = ahead.result()

    def close(self) -> None:
        """End the cursors and the session, as far as the server still answers."""
        with suppress(PyMongoError):
            for cursor in self._open:
                cursor.close()
            if self._session is not None:
                self._session.end_session()

    def _begin(self) -> tuple[Batches, bytes | None]:
        by_id = self._limit is not None or self._session is None
        cursor = self._collection.find_raw_batches(
            self._query,
            self._projection,
            session=self._session,
            sort=[("_id", 1)] if by_id else None,
            limit=self._limit or 0,
            batch_size=BATCH_DOCUMENTS,
            allow_disk_use=True if by_id and self._sorts_on_disk else None,
        )
        first, end = self._part
        if first != ():
            cursor = cursor.hint("_id_").min([("_id", first)])
        if end != ():
            cursor = cursor.hint("_id_").max([("_id", end)])
        self._open.append(cursor)
        return cursor, _next(cursor)


def _next(cursor: Batches) -> bytes | None:
    # pymongo types the batches of a raw cursor as documents.
    return cast("bytes | None", next(cursor, None))
