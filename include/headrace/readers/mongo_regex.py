"""Options of MongoDB's regular expressions that libbson leaves out, without a word, when it writes JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

KNOWN = frozenset("ilmsux")
"""The options that BSON has (bsonspec.org); a driver may have stored others."""

TAG = "$regularExpression"

_ELEMENT = re.compile(rb"(?=\x0b[^\0]*\0([^\0]*)\0([^\0]*)\0)")
"""What may be a regular expression: its type, name, pattern and options. Other bytes may look the same."""


def lost_options(document: bytes, parsed: Any) -> str | None:
    """The options of a regular expression in BSON that its JSON, ``parsed``, does not have; None for none."""
    written = set(_expressions(parsed))
    for found in _ELEMENT.finditer(document):
        pattern, options = (part.decode("utf-8", "replace") for part in found.groups())
        kept = "".join(sorted(KNOWN.intersection(options)))
        if set(options) - KNOWN and (pattern, kept) in written:
            return options
    return None


def _expressions(value: Any) -> Iterator[tuple[str, str]]:
    """The regular expressions below a value of Extended JSON: pattern and options."""
    if isinstance(value, list):
        for item in value:
            yield from _expressions(item)
    elif isinstance(value, dict):
        inner = value.get(TAG)
        if isinstance(inner, dict):
            yield str(inner.get("pattern")), str(inner.get("options"))
        for item in value.values():
            yield from _expressions(item)
