"""Loads that count right and still look wrong: a table all but vanishes, too many rows do not parse."""

from __future__ import annotations

from include.headrace.config import Table
from include.headrace.errors import CountError
from include.headrace.manifest import LoadIds, Manifest
from include.headrace.session import Session

SMALL_TABLE = 100
"""Rows below which a table may shrink by any share, as long as some are left."""

QUARANTINED_SHARE = 0.1
QUARANTINED_ROWS = 100
"""What may be set aside where the source file has no `max_quarantined`: this share, or this many rows."""

REASONS = 3
REASON_LENGTH = 200


class TooManySetAside(CountError):
    """More rows were set aside than the table's limit; the attempt's table of them is kept."""


def check_shrink(ids: LoadIds, table: Table, before: int, after: int) -> None:
    """Hold the rows that a table has against those it would have.

    Raises CountError when it would be empty, or has at least SMALL_TABLE rows and would lose a larger share
    than `max_shrink`.
    """
    lost = before - after
    emptied = before > 0 and after == 0
    if table.max_shrink >= 1 or not (emptied or (before >= SMALL_TABLE and lost > table.max_shrink * before)):
        return
    becomes = "empty" if emptied else "much smaller"
    raise CountError(
        f"Load {ids.load_id} would make {ids.label} {becomes}: it has {before} "
        f"rows in RAW, and {after} would be left; nothing was applied. If the source is wrong, mend it and "
        "clear the extract task. If it is right, trigger one run with the DAG's parameter "
        f"allow_shrink, or raise `max_shrink` (now {table.max_shrink:g}, 1 allows any) of the table in "
        f"include/sources/{ids.source}.yml."
    )


def check_quarantined(session: Session, manifest: Manifest, table: Table, quarantine: str) -> None:
    """Hold the rows set aside against the table's limit. ``quarantine`` is the attempt's table of them.

    A sample is held to it as well: a share means the same in a sample, and a prototype is where a wrong type
    should show. Raises TooManySetAside with the commonest reasons.
    """
    aside = manifest.rows_quarantined
    whole = manifest.rows_staged + aside
    most = allowed(table.max_quarantined, whole)
    if aside <= most:
        return
    rows = session.query(
        f'SELECT "REASON", COUNT(*) AS n, MIN("POSITION") AS position FROM {quarantine} '
        f'GROUP BY "REASON" ORDER BY COUNT(*) DESC, "REASON" LIMIT {REASONS}'
    )
    told = "; ".join(f"{row['n']} times {row['reason'][:REASON_LENGTH]} ({row['position']})" for row in rows)
    ids = manifest.ids
    raise TooManySetAside(
        f"{aside} of {whole} rows of {ids.label} were set aside, and at most {most:g} may be; nothing was "
        f"applied. The commonest reasons: {told}. The rows are in {quarantine} until they are swept. Mend "
        "the source, or a column's type in the source file, and clear the extract task; or raise "
        f"`max_quarantined` in include/sources/{ids.source}.yml and clear this one."
    )


def allowed(limit: int | str | None, rows: int) -> float:
    """How many of so many rows may be set aside under a limit as the source file has it."""
    if limit is None:
        return max(QUARANTINED_SHARE * rows, QUARANTINED_ROWS)
    if isinstance(limit, int):
        return limit
    return float(limit.removesuffix("%")) / 100 * rows
