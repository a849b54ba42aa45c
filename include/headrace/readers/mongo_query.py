"""What a MongoDB server is asked for: the documents of a span, and none lost that stand outside every span.

A range of MongoDB compares values of one type alone (dates with dates, numbers with numbers), so a
document whose cursor is missing or of another type would never be read. The filter therefore also asks
for those; each of its parts can use an index on the cursor. (A list is found when one of its elements
is, as ever in MongoDB, or when it is empty.) What the filter finds is held against the span
again once it is converted, so the filter may ask for a little too much and never for too little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from pymongo.collection import Collection

from include.headrace.config import MongoTable
from include.headrace.cursors import is_time
from include.headrace.readers.base import Span
from include.headrace.readers.mongo_values import EPOCH, FIRST_MILLISECOND, LAST_MILLISECOND

MILLISECOND = timedelta(milliseconds=1)

DATE = 9
NUMBERS = (1, 16, 18, 19)
TYPES = (1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, -1, 127)
"""The types of BSON by number, but for array (a query looks into those) and null (MongoDB's
manual, BSON types)."""

EXACT = 2**53
"""Whole numbers up to here are the same as a double (IEEE 754)."""


def is_number(kind: str) -> bool:
    """True for a Snowflake type whose values MongoDB compares as numbers."""
    return kind.startswith(("NUMBER", "FLOAT"))


def span_filter(path: str, kind: str, span: Span) -> dict[str, Any]:
    """The filter of a span over the cursor at ``path``, declared as the Snowflake type ``kind``.

    Empty when there are no bounds, or when the type is one that MongoDB has no values of.
    """
    own: tuple[int, ...]
    if is_time(kind):
        bounds, own, odd = _moments(span), (DATE,), []
    elif is_number(kind):
        bounds, own, odd = _numbers(span), NUMBERS, [{path: math.nan}]
    else:
        return {}
    if not bounds:
        return {}
    others = [number for number in TYPES if number not in own]
    missing = [{path: None}, {path: []}, {path: {"$type": others}}]
    return {"$or": [{path: bounds}, *missing, *odd]}


def projection(table: MongoTable, only: Sequence[str] = ()) -> dict[str, int]:
    """What of each document is asked for: all but the fields excluded, or the fields of the columns ``only``.

    Empty asks for whole documents: also when a column's field has a name that MongoDB cannot ask for.
    """
    columns = table.taken_out()
    fields = [(columns[name].path or name).split(".")[0] for name in only]
    if fields and not any(field == "" or field.startswith("$") for field in fields):
        return dict.fromkeys(fields, 1)
    return dict.fromkeys(table.exclude, 0)


def _moments(span: Span) -> dict[str, Any]:
    """Bounds in whole milliseconds, as MongoDB's dates are; a bound between two is moved outwards."""
    bounds: dict[str, Any] = {}
    if span.lower is not None:
        moment = _moment(span.lower)
        whole = moment // MILLISECOND
        exact = moment == whole * MILLISECOND
        bounds["$gte" if span.lower_inclusive or not exact else "$gt"] = DatetimeMS(whole)
    if span.upper is not None:
        bounds["$lt"] = DatetimeMS(-(-_moment(span.upper) // MILLISECOND))
    return bounds


def _moment(text: str) -> timedelta:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=EPOCH.tzinfo)) - EPOCH


def _numbers(span: Span) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    if span.lower is not None:
        value = _number(span.lower, -math.inf)
        whole = isinstance(value, Int64)
        bounds["$gte" if span.lower_inclusive or not whole else "$gt"] = value
    if span.upper is not None:
        bounds["$lt"] = _number(span.upper, math.inf)
    return bounds


def _number(text: str, outwards: float) -> Int64 | float:
    """A bound as a number of BSON. One that is no double exactly is moved outwards to the next double.

    A double counts in a load as its shortest decimals, which may lie on the other side of a bound.
    """
    value = Decimal(text)
    if value == value.to_integral_value() and abs(value) <= EXACT:
        return Int64(value)
    return math.nextafter(float(value), outwards)


def window_start(collection: Collection[dict[str, Any]], path: str, window: timedelta) -> datetime | None:
    """The newest date at ``path`` less the window; None when no document has a date there.

    Dates outside the years 1 to 9999 do not count: their documents are set aside.
    """
    options: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
    calendar = {"$gte": DatetimeMS(FIRST_MILLISECOND), "$lte": DatetimeMS(LAST_MILLISECOND)}
    found = collection.with_options(options).find_one(
        {path: calendar}, projection={path: 1, "_id": 0}, sort=[(path, -1)]
    )
    dates = list(_dates(found, path.split("."))) if found is not None else []
    return EPOCH + timedelta(milliseconds=max(dates)) - window if dates else None


def _dates(value: Any, path: list[str]) -> Iterator[int]:
    """The dates at a path in milliseconds since 1970; a list on the way holds several, as a query sees it."""
    if isinstance(value, list):
        for item in value:
            yield from _dates(item, path)
    elif path and isinstance(value, dict):
        yield from _dates(value.get(path[0]), path[1:])
    elif not path and isinstance(value, DatetimeMS) and int(value) <= LAST_MILLISECOND:
        yield int(value)
