"""Queries that ran: for INFORMATION_SCHEMA.QUERY_HISTORY and for whoever asks what a tag did."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Query:
    """One finished statement. Times are UTC, ``milliseconds`` is its whole time in the server."""

    query_id: str
    text: str
    database: str | None
    schema: str | None
    session_id: int
    user: str
    role: str
    warehouse: str | None
    tag: str
    status: str
    error_code: str | None
    error_message: str | None
    started: datetime
    ended: datetime
    milliseconds: int
    rows: int
    transaction_id: int


class History:
    """The last queries of the server, oldest first. Kept in memory: a restart begins anew."""

    KEPT = 20_000

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._queries: deque[Query] = deque(maxlen=self.KEPT)

    def add(self, query: Query) -> None:
        """Keep one query."""
        with self._mutex:
            self._queries.append(query)

    def all(self) -> list[Query]:
        """The kept queries, oldest first."""
        with self._mutex:
            return list(self._queries)
