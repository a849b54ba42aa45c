"""The bounds of a load as an API is asked for them: rounded outwards, never inwards.

An API's own bounds may be inclusive or not and coarser than ours. What it gives too much, Narrowing
discards.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from include.headrace.config import ApiTable
from include.headrace.readers.base import Span

DAY = timedelta(days=1)
UNITS = {"unix": timedelta(seconds=1), "unix_ms": timedelta(milliseconds=1)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def bounds(table: ApiTable, span: Span) -> dict[str, str | int]:
    """The parameters (or variables) that ask for the span alone; none where the table asks for all.

    A lower bound is rounded down and an upper one up to what `format` can say. Whole numbers are ints.
    """
    asked = table.incremental
    if asked is None or table.cursor is None:
        return {}
    kind = table.taken_out()[table.cursor].type
    found: dict[str, str | int] = {}
    if span.lower is not None:
        found[asked.since] = _written(span.lower, kind, asked.format, up=False)
    if span.upper is not None and asked.until is not None:
        found[asked.until] = _written(span.upper, kind, asked.format, up=True)
    return found


def _written(text: str, kind: str, form: str, *, up: bool) -> str | int:
    if not kind.startswith(("DATE", "TIMESTAMP")):
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    moment = _moment(text, up=up)
    if form in UNITS:
        whole, rest = divmod(moment - EPOCH, UNITS[form])
        return whole + 1 if rest and up else whole
    if form == "date" or kind.startswith("DATE"):
        rest = (moment - EPOCH) % DAY
        if rest and up:
            moment += DAY - rest
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _moment(text: str, *, up: bool) -> datetime:
    """A bound's text in UTC; one without an offset is taken for UTC. Nanoseconds are rounded outwards."""
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    finer = re.search(r"\.\d{6}(\d+)", text)
    return moment + TICK if up and finer and finer[1].strip("0") else moment
