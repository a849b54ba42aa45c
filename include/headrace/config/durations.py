"""Durations as people write them in source files: ``10m``, ``2h``, ``1d12h``, or ISO 8601."""

from __future__ import annotations

import re
from datetime import timedelta

_SHORT = r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?"
_ISO = r"P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?"

PATTERN = rf"^(?:{_SHORT}|{_ISO})$"
"""The two forms as one regular expression, for the JSON Schema. Text without a number also fits
it, so ``parse_duration`` has the last word."""

REMEDY = "write it as 10m, 2h, 1d, 1h30m, or in ISO 8601 as PT10M"


def parse_duration(value: object) -> timedelta:
    """Read ``10m``, ``2h``, ``1d``, ``1w``, ``1h30m``, ``0s`` or ISO 8601 weeks, days and times.

    Years and months are refused: their length is not fixed. A timedelta passes through. Raises
    ValueError, with the forms that are understood, for anything else; a bare number too, because
    it has no unit.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)):
        raise ValueError(f"is a number without a unit; {REMEDY}")
    if not isinstance(value, str):
        raise ValueError(f"is not a duration; {REMEDY}")
    found = re.fullmatch(_SHORT, value) or re.fullmatch(_ISO, value)
    if found is None or not any(found.groups()):
        raise ValueError(f"is not a duration ({value!r}); {REMEDY}")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
