"""Parts of a large MySQL table that several connections read at the same time, in one snapshot.

MySQL cannot hand one session's snapshot to another. So writers are held out of the table for the moment in
which each connection takes a snapshot of its own: all are then of the same rows.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from MySQLdb import MySQLError

from include.headrace import settings
from include.headrace.config import MysqlSource, MysqlTable
from include.headrace.names import quote
from include.headrace.readers.mysql_catalog import ask
from include.headrace.readers.mysql_connection import begin, connected

if TYPE_CHECKING:
    from MySQLdb.connections import Connection

log = logging.getLogger(__name__)

KEY = """
SELECT k.column_name FROM information_schema.key_column_usage AS k
JOIN information_schema.tables AS t USING (table_schema, table_name)
JOIN information_schema.columns AS c USING (table_schema, table_name, column_name)
WHERE k.table_schema = %s AND k.table_name = %s AND k.constraint_name = 'PRIMARY'
AND t.table_type = 'BASE TABLE' AND t.engine = 'InnoDB'
AND (SELECT COUNT(*) FROM information_schema.key_column_usage AS n WHERE n.table_schema = k.table_schema
    AND n.table_name = k.table_name AND n.constraint_name = 'PRIMARY') = 1
AND c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint')
"""

LOCK_SECONDS = 5
"""How long the lock may wait for a transaction that has written, and others then wait behind it."""

NOT_LOCKED = (1044, 1142, 1205, 1227, 1290, 1836)
"""No right to lock the table, a lock that another holds for too long, or a server that is read only."""

RANGES_EACH = 4
"""How many ranges there are for each reader, so that none has a large rest while the others are done."""

MOST_HALVINGS = 200


@contextmanager
def sharing(
    source: MysqlSource, table: MysqlTable, first: Connection, database: str
) -> Iterator[tuple[list[Connection], list[str]]]:
    """Connections that see one snapshot, ``first`` among them, and the conditions of the ranges they share.

    One connection and an empty condition where the table has one reader, or cannot be shared, of which the
    log says why. Raises the driver's MySQLError, and what ``connected`` raises.
    """
    where = f"{database}.{table.name}"
    limited = table.limit is not None and not settings.is_prod()
    found = ask(first, KEY, (database, table.name)) if table.readers > 1 and not limited else []
    if not found:
        if table.readers > 1:
            reason = (
                "a limit is read in order" if limited else "it is no InnoDB table keyed by one whole number"
            )
            log.info("%s is read by one reader: %s.", where, reason)
        yield [first], [""]
        return
    with ExitStack() as stack:
        connections = [first]
        for _ in range(table.readers - 1):
            connection, _ = stack.enter_context(connected(source.connection, source.tunnel))
            connections.append(connection)
        relation = quote(database, table.name)
        try:
            with connected(source.connection, source.tunnel) as (locker, _):
                _begin_together(locker, relation, connections)
        except MySQLError as error:
            if error.args[0] not in NOT_LOCKED:
                raise
            log.warning("%s is read by one reader, since it could not be locked: %s.", where, error.args[-1])
            stack.close()
            begin(first)
            yield [first], [""]
            return
        yield connections, _ranges(first, relation, quote(str(found[0][0])), len(connections) * RANGES_EACH)


def _begin_together(locker: Connection, relation: str, connections: Sequence[Connection]) -> None:
    """Begin a snapshot in each connection while nobody can write to the table, or commit what was written."""
    for statement in (
        "SET SESSION sql_mode = 'ANSI_QUOTES', autocommit = 0",
        f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}, innodb_lock_wait_timeout = {LOCK_SECONDS}",
        f"LOCK TABLES {relation} READ",
    ):
        locker.query(statement.encode())
    for connection in connections:
        begin(connection)
    locker.query(b"UNLOCK TABLES")


def _ranges(connection: Connection, relation: str, key: str, wanted: int) -> list[str]:
    """About so many conditions, of which each row meets one: the outer ones have one bound."""
    [ends] = ask(connection, f"SELECT MIN({key}), MAX({key}) FROM {relation}")
    if ends[0] is None or ends[1] is None:
        return [""]

    def estimated(low: int, end: int) -> int:
        cursor = connection.cursor()
        cursor.execute(f"EXPLAIN SELECT {key} FROM {relation} WHERE {key} >= {low:d} AND {key} < {end:d}")
        names = [column[0] for column in cursor.description]
        return int(cursor.fetchall()[0][names.index("rows")] or 0)

    inner = boundaries(estimated, int(ends[0]), int(ends[1]), wanted)
    lows = [f"{key} >= {bound:d}" for bound in inner]
    uppers = [f"{key} < {bound:d}" for bound in inner]
    return [
        " AND ".join(filter(None, pair)) or "TRUE" for pair in zip(["", *lows], [*uppers, ""], strict=True)
    ]


def boundaries(estimated: Callable[[int, int], int], lowest: int, highest: int, wanted: int) -> list[int]:
    """Where to cut the keys from ``lowest`` to ``highest`` so that about ``wanted`` parts are of like size.

    ``estimated`` says about how many rows have a key from its first to before its second argument. The
    largest part is halved again and again, so gaps and crowds among the keys do not matter; what is small
    afterwards is put together.
    """
    total = estimated(lowest, highest + 1)
    enough = max(1, total // wanted)
    parts = [(-total, lowest, highest + 1)]
    for _ in range(MOST_HALVINGS):
        rows, low, end = parts[0]
        if -rows <= enough or end - low < 2:
            break
        middle = (low + end) // 2
        heapq.heapreplace(parts, (-estimated(low, middle), low, middle))
        heapq.heappush(parts, (-estimated(middle, end), middle, end))
    cuts: list[int] = []
    together = 0
    for rows, low, _ in sorted(parts, key=lambda part: part[1]):
        if together and together - rows > enough:
            cuts.append(low)
            together = 0
        together -= rows
    return cuts
