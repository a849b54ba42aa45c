"""Large results: a first part in the answer, and the others at addresses of their own."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from include.headrace.local_snowflake.values import Result, encode, stream

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

PART_BYTES = 8 * 1024 * 1024
KEPT = 20
"""Large results that a session keeps for fetching."""


class Parts:
    """The large results of one session, by the secret in their parts' addresses."""

    def __init__(self) -> None:
        self._results: OrderedDict[str, tuple[Result, int]] = OrderedDict()

    def first(self, result: Result, address: str) -> dict[str, Any]:
        """The answer's ``data`` for a result: all of it, or its first part and where the others are.

        ``address`` is the beginning of their addresses.
        """
        table = result.table
        rows = _rows_a_part(result)
        if table.num_rows <= rows:
            return encode(result)
        secret = secrets.token_urlsafe(32)
        self._results[secret] = (result, rows)
        while len(self._results) > KEPT:
            self._results.popitem(last=False)
        data = encode(_slice(result, 0, rows))
        sizes = [(start, min(rows, table.num_rows - start)) for start in range(rows, table.num_rows, rows)]
        chunks = [
            {
                "url": f"{address}/{secret}/{start // rows}",
                "rowCount": count,
                "uncompressedSize": PART_BYTES,
                "compressedSize": PART_BYTES,
            }
            for start, count in sizes
        ]
        return {
            **data,
            "total": table.num_rows,
            "returned": table.num_rows,
            "chunks": chunks,
            "chunkHeaders": {},
        }

    def part(self, secret: str, number: int) -> bytes | None:
        """A part as an Arrow stream; None when there is no such result or part here."""
        if secret not in self._results:
            return None
        result, rows = self._results[secret]
        if not 0 <= number * rows < result.table.num_rows:
            return None
        return stream(_slice(result, number * rows, rows))


def part_of(sessions: list[Session], secret: str, number: int) -> bytes | None:
    """A part of a large result of one of these sessions; None when none of them has it."""
    found = (session.parts.part(secret, number) for session in sessions)
    return next((part for part in found if part is not None), None)


def _rows_a_part(result: Result) -> int:
    table = result.table
    return (
        max(1, table.num_rows * PART_BYTES // table.nbytes) if table.nbytes > PART_BYTES else table.num_rows
    )


def _slice(result: Result, start: int, rows: int) -> Result:
    return Result(result.table.slice(start, rows), result.types)
