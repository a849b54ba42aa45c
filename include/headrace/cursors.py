"""Values of a cursor column as text: ordering, overlap and the span of a load.

A watermark is kept as text in the fence, since one column holds cursors of every type. The text
is what Arrow writes when it casts the value to a string.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from include.headrace.errors import ConfigError, SourceError
from include.headrace.readers.base import Span


def is_time(column_type: str) -> bool:
    """True for a Snowflake type on which data intervals and overlaps have a meaning."""
    return column_type.startswith(("TIMESTAMP", "DATE"))


def order_key(text: str, column_type: str) -> Any:
    """A value that sorts as the cursor does. Raises SourceError for a type that has no order here."""
    if is_time(column_type):
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), text
    if column_type.startswith(("NUMBER", "FLOAT")):
        return Decimal(text)
    raise SourceError(f"A cursor of type {column_type} has no order; choose a time or a number.")


def later(first: str | None, second: str | None, column_type: str) -> str | None:
    """The later of two cursor values; None counts as before everything."""
    if first is None or second is None:
        return second if first is None else first
    return max(first, second, key=lambda text: order_key(text, column_type))


def moment_text(moment: datetime, column_type: str) -> str:
    """An aware moment as text of a time cursor: with an offset only where the type has one."""
    moment = moment.astimezone(UTC)
    if column_type.startswith("TIMESTAMP_TZ"):
        return moment.isoformat(sep=" ")
    if column_type.startswith("DATE"):
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def earlier_by(text: str, overlap: timedelta, column_type: str) -> str:
    """A cursor value moved back by the overlap. Raises ConfigError when the cursor is no time."""
    if not overlap:
        return text
    if not is_time(column_type):
        raise ConfigError(
            f"`overlap` needs a cursor that is a time; this one is {column_type}. Remove `overlap`."
        )
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment_text(aware - overlap, column_type)


def span_of(
    *,
    column_type: str,
    watermark: str | None,
    overlap: timedelta,
    interval: tuple[datetime, datetime] | None,
    backfill: bool,
) -> Span:
    """What part of a table to read, from the run's interval and the table's watermark.

    A backfill reads its interval alone. A scheduled run reads up to its interval's end, from the
    interval's start or the watermark, whichever is earlier, so that a pause of the scheduler
    leaves no gap; with no watermark it reads all that came before, too. A run without an
    interval, or with a cursor that is no time, reads from the watermark.
    """
    upper = None
    start = watermark
    if interval is not None and is_time(column_type):
        upper = moment_text(interval[1], column_type)
        first = moment_text(interval[0], column_type)
        if backfill:
            start = first
        elif watermark is not None:
            start = min(watermark, first, key=lambda text: order_key(text, column_type))
    inclusive = bool(overlap) or upper is not None
    lower = None if start is None else earlier_by(start, overlap, column_type)
    return Span(lower=lower, lower_inclusive=inclusive, upper=upper)
