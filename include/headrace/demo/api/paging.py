"""Which part of a list a page is, and the cursor that stands for where it ends."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from include.headrace.demo.api.behaviour import EmptyPage, Fault, NullCursor, RepeatCursor, of_kind

MOST_RECORDS = 1000
"""The largest page."""


@dataclass(frozen=True)
class Cursor:
    """A place in a list: before the record ``offset``, from 0.

    ``turn`` tells cursors of one place apart, so that a page that was left empty has one of its own.
    """

    offset: int = 0
    turn: int = 0

    def text(self) -> str:
        """The cursor as clients see it, who need not understand it."""
        return base64.urlsafe_b64encode(f"{self.offset}.{self.turn}".encode()).decode()


def read_cursor(text: str) -> Cursor:
    """The cursor that a text stands for. Raises ValueError for one that this API never gave."""
    try:
        found = re.fullmatch(rb"(\d{1,9})\.(\d{1,9})", base64.urlsafe_b64decode(text.encode("ascii")))
    except (UnicodeEncodeError, binascii.Error):
        found = None
    if found is None:
        raise ValueError(f"{text!r} is no cursor of this API; take it from an answer.")
    return Cursor(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Part:
    """The records from ``start`` to before ``stop``, and what the page tells of the next."""

    start: int
    stop: int
    has_next: bool
    end: Cursor | None


def part(total: int, begin: Cursor, size: int, faults: list[Fault]) -> Part:
    """The page of ``size`` records that begins at ``begin`` in a list of ``total``."""
    start = min(begin.offset, total)
    stop = min(start + size, total)
    if of_kind(faults, EmptyPage):
        return Part(start, start, start < total, Cursor(start, begin.turn + 1))
    if of_kind(faults, RepeatCursor):
        return Part(start, stop, True, begin)
    if of_kind(faults, NullCursor):
        return Part(start, stop, stop < total, None)
    return Part(start, stop, stop < total, Cursor(stop))
