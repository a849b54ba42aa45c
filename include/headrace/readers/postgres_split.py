"""Which ranges of pages the readers of one PostgreSQL table take."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from include.headrace.readers.postgres_catalog import Cursor

log = logging.getLogger(__name__)

PAGES_PER_READER = 1024
"""Pages worth a connection: 8 MB, which one reader has read before another has signed in."""

RANGE_SCANS = 140_000
"""The first version that reads a range of ctid without reading the whole table (PostgreSQL 14's release
notes, "Allow a TID Range Scan")."""

MEMBERS = """
with recursive member(oid) as (
    select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = $2
    union
    select i.inhrelid from pg_catalog.pg_inherits i join member m on i.inhparent = m.oid
)
select c.relkind::text, coalesce(a.amname::text, ''), c.relrowsecurity,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0) / pg_catalog.current_setting('block_size')::int8
from member m
join pg_catalog.pg_class c on c.oid = m.oid
left join pg_catalog.pg_am a on a.oid = c.relam
"""

VERSION = "select pg_catalog.current_setting('server_version_num')::int8"


@dataclass(frozen=True)
class Pages:
    """Pages from ``first`` up to but not with ``end``, in the table and in each of its partitions.

    Without an end it takes all that follow, so that no row is left out by a size that was not exact.
    """

    first: int
    end: int | None


WHOLE = Pages(0, None)


def page_ranges(cursor: Cursor, schema: str, table: str, readers: int) -> list[Pages]:
    """Ranges of about equal size for at most ``readers`` readers; one where the table is small.

    One as well where a range of pages would not be read by itself: views, foreign tables, other storage
    than the heap, tables with row-level security, servers before version 14. The log then says why.
    """
    cursor.execute(VERSION)
    [(version,)] = cursor.fetchall()
    cursor.execute(MEMBERS, (schema, table))
    members = cursor.fetchall()
    sizes = [int(pages) for kind, _, _, pages in members if kind in "rm"]
    if version < RANGE_SCANS:
        why = "the server is older than version 14"
    elif any(kind not in "rpm" for kind, _, _, _ in members):
        why = "it is a view or a foreign table, or has one as a partition"
    elif any(method not in ("heap", "") for _, method, _, _ in members):
        why = "its rows are not in PostgreSQL's own storage"
    elif any(secured for _, _, secured, _ in members):
        why = "it has row-level security"
    else:
        ranges = divided(sizes, min(readers, sum(sizes) // PAGES_PER_READER))
        if len(ranges) < readers:
            log.info("%s.%s is small: %s of %s readers read it.", schema, table, len(ranges), readers)
        return ranges
    log.info("%s.%s has one reader instead of %s: %s.", schema, table, readers, why)
    return [WHOLE]


def divided(sizes: Sequence[int], parts: int) -> list[Pages]:
    """Ranges that hold about the same number of pages, over tables of ``sizes`` pages that each range cuts.

    A range takes the same page numbers of every table: a table shorter than its first page gives it nothing.
    """
    total, bounds = sum(sizes), [0]
    for part in range(1, parts):
        low, high = bounds[-1], max(sizes)
        while low < high:
            middle = (low + high) // 2
            if sum(min(size, middle) for size in sizes) * parts < total * part:
                low = middle + 1
            else:
                high = middle
        if low > bounds[-1]:
            bounds.append(low)
    return [Pages(first, end) for first, end in zip(bounds, [*bounds[1:], None], strict=True)]
