"""The window of event time that a DAG run's parameters ask its microbatch models to build."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from include.headrace.errors import ConfigError

EVENT_TIME_START = "event_time_start"
EVENT_TIME_END = "event_time_end"


def window_flags(start: str, end: str) -> list[str]:
    """dbt's arguments for a window, none when both ends are empty.

    An end is a date or a time in ISO 8601, in UTC where it names no offset. Raises ConfigError when one end
    alone is given, when one cannot be read, and when the window has no length.
    """
    if not start.strip() and not end.strip():
        return []
    if not start.strip() or not end.strip():
        missing = EVENT_TIME_END if start.strip() else EVENT_TIME_START
        raise ConfigError(f"{missing} is empty; a window needs both its ends.")
    first, last = _read(EVENT_TIME_START, start), _read(EVENT_TIME_END, end)
    if first >= last:
        raise ConfigError(f"{EVENT_TIME_END} ({end}) is not after {EVENT_TIME_START} ({start}).")
    return ["--event-time-start", _written(first), "--event-time-end", _written(last)]


def window_of(params: Mapping[str, Any]) -> list[str]:
    """:func:`window_flags` of a DAG run's parameters, which must not ask for a full refresh as well.

    Raises ConfigError besides for both: dbt would replace the table by the window alone.
    """
    flags = window_flags(params.get(EVENT_TIME_START) or "", params.get(EVENT_TIME_END) or "")
    if flags and params.get("full_refresh"):
        raise ConfigError(
            f"full_refresh and {EVENT_TIME_START} are both given: the tables would be left with the window "
            "alone. Give one of them."
        )
    return flags


def _read(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(
            f"{name} is {text!r}; write a date or a time, such as 2013-07-01 or 2013-07-01T06:00:00."
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _written(moment: datetime) -> str:
    """As dbt reads it: to the second, without an offset, in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
