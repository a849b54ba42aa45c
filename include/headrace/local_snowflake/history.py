"""Queries that ran: for INFORMATION_SCHEMA.QUERY_HISTORY and for whoever asks what a tag did."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa


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

    def table(self) -> pa.Table:
        """The kept queries with the column names of INFORMATION_SCHEMA.QUERY_HISTORY, oldest first."""
        moment = pa.timestamp("us", "UTC")
        kinds = {"SESSION_ID": pa.int64(), "TOTAL_ELAPSED_TIME": pa.int64(), "ROWS_PRODUCED": pa.int64()}
        kinds |= {"START_TIME": moment, "END_TIME": moment}
        values = [
            {
                "QUERY_ID": q.query_id,
                "QUERY_TEXT": q.text,
                "DATABASE_NAME": q.database,
                "SCHEMA_NAME": q.schema,
                "SESSION_ID": q.session_id,
                "USER_NAME": q.user,
                "ROLE_NAME": q.role,
                "WAREHOUSE_NAME": q.warehouse,
                "QUERY_TAG": q.tag,
                "EXECUTION_STATUS": q.status,
                "ERROR_CODE": q.error_code,
                "ERROR_MESSAGE": q.error_message,
                "START_TIME": q.started,
                "END_TIME": q.ended,
                "TOTAL_ELAPSED_TIME": q.milliseconds,
                "ROWS_PRODUCED": q.rows,
                "TRANSACTION_ID": str(q.transaction_id) if q.transaction_id else None,
            }
            for q in self.all()
        ]
        names = list(values[0]) if values else ["QUERY_ID"]
        return pa.table({n: pa.array([v[n] for v in values], kinds.get(n, pa.string())) for n in names})
