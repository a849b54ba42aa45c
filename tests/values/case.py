"""One value of a source, what is promised of it, and the check of what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True)
class Case:
    """A value on its way from a source to RAW.

    ``type`` and ``value`` are as the source writes them, for the page. ``lands`` is the column's type in RAW.
    ``expected`` is the value that the connector then gives, JSON text where it lands in a VARIANT; for a
    quarantined case a part of the reason, for a refused file or answer a part of the error. ``note`` says
    what a reader of the page would not guess. ``given`` is the value itself where the source needs more than
    its text. ``seen_in`` is ``staged`` where the local Snowflake cannot hold the value and it is looked at in
    the staged Parquet file.
    """

    type: str
    value: str
    lands: str
    outcome: Literal["equal", "quarantined", "refused"]
    expected: Any
    note: str = ""
    given: Any = None
    seen_in: Literal["RAW", "staged"] = "RAW"


@dataclass(frozen=True)
class Placed:
    """A case in the table of its test: the row's number, from 1, and the column, named after the type."""

    number: int
    column: str
    case: Case


def placed(cases: Sequence[Case]) -> list[Placed]:
    """A row a case and a column a type: a column is NULL in the rows of all other types."""
    types = list(dict.fromkeys(case.type for case in cases))
    return [
        Placed(number, f"c{types.index(case.type) + 1}", case) for number, case in enumerate(cases, start=1)
    ]


def equal(found: Any, expected: Any) -> bool:
    """True for the same value of the same type: ``1`` is not ``True``, ``0.0`` not ``-0.0``, NaN is NaN."""
    if isinstance(found, float) and isinstance(expected, float):
        if math.isnan(expected):
            return math.isnan(found)
        return found == expected and math.copysign(1, found) == math.copysign(1, expected)
    return type(found) is type(expected) and bool(found == expected)


def equal_json(found: Any, expected: str) -> bool:
    """True when two JSON texts hold the same value: numbers to the last digit, the order of keys aside."""
    return isinstance(found, str) and (found == expected or _json(found) == _json(expected))


def _json(text: str) -> Any:
    return _typed(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def _typed(value: Any) -> Any:
    """A JSON value in which true is not 1, and 1.0 is."""
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    return ("boolean", value) if isinstance(value, bool) else value
