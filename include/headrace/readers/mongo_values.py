"""Values of MongoDB's Extended JSON as text that a declared column is read from.

Relaxed Extended JSON (v2) wraps what JSON has no word for: ``{"$oid": ...}``, ``{"$date": ...}``.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from include.headrace.readers.values import FIRST_DAY, LAST_DAY, calendar_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MILLISECONDS = 24 * 60 * 60 * 1000
FIRST_MILLISECOND = FIRST_DAY * DAY_MILLISECONDS
LAST_MILLISECOND = (LAST_DAY + 1) * DAY_MILLISECONDS - 1
"""The years 1 to 9999, in milliseconds since 1970."""
UUID_SUBTYPE = "04"

OF_BYTES = ("VARCHAR", "BINARY", "VARIANT")
"""Types of columns that an ObjectId or binary can be read as."""

NUMBERS = ("$numberDecimal", "$numberLong", "$numberInt", "$numberDouble")

encode = msgspec.json.Encoder().encode


def column_text(value: Any, kind: str) -> tuple[str | None, str | None]:
    """The text that a column of the Snowflake type ``kind`` is read from, or what is wrong with the value.

    ``value`` is relaxed Extended JSON as Python objects. An ObjectId is its 24 hexadecimal digits, a
    date its ISO text in UTC, a Decimal128 its text; binary is hexadecimal, and a UUID (subtype 4) the
    UUID's text unless the column is BINARY. For a column of numbers these are objects: their digits are
    no number. A timestamp (which counts seconds, and operations within one) is a moment for a TIMESTAMP
    column only. A regular expression, code, a DBRef and MongoDB's least and greatest keys are objects.
    """
    if type(value) is dict:
        value = _unwrapped(value, kind)
    if value is None or (type(value) is str and kind != "VARIANT"):
        return value, None
    if kind == "VARIANT":
        return encode(value).decode(), None
    if isinstance(value, (dict, list)):
        what = "an object" if isinstance(value, dict) else "a list"
        return None, f"holds {what}; give the column the type VARIANT, or a path below it"
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    return repr(value), None


def _unwrapped(value: dict[str, Any], kind: str) -> Any:
    """What a wrapper stands for; any other object as it is."""
    if len(value) != 1:
        return value
    [(tag, inner)] = value.items()
    if tag == "$date":
        return _moment(inner, kind)
    if tag in ("$symbol", *NUMBERS) or (tag == "$oid" and kind in OF_BYTES):
        return inner
    if tag == "$undefined":
        return None
    if tag == "$binary" and kind in OF_BYTES and isinstance(inner, Mapping):
        return _binary(inner, kind)
    if tag == "$timestamp" and kind.startswith("TIMESTAMP") and isinstance(inner, Mapping):
        return _moment({"$numberLong": inner["t"] * 1000}, kind)
    return value


def _moment(inner: Any, kind: str) -> Any:
    """A date's ISO text as a column of this type reads it: TIMESTAMP_NTZ none of the zone, DATE the day."""
    text = inner if isinstance(inner, str) else iso_text(int(inner["$numberLong"]))
    if kind.startswith("TIMESTAMP_NTZ"):
        return text.removesuffix("Z")
    return text.removesuffix("T00:00:00Z") if kind == "DATE" else text


def iso_text(milliseconds: int) -> str:
    """A count of milliseconds since 1970 as ISO text; before the year 1 as ``0044-03-15 ... BC``."""
    if milliseconds < FIRST_MILLISECOND:
        return calendar_text(pa.timestamp("us"), milliseconds * 1000)
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    timespec = "milliseconds" if milliseconds % 1000 else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def _binary(inner: Mapping[str, str], kind: str) -> str:
    data = base64.b64decode(inner["base64"])
    if inner["subType"] == UUID_SUBTYPE and len(data) == 16 and kind != "BINARY":
        return str(uuid.UUID(bytes=data))
    return data.hex()
