"""BSON documents of one shape, found among many: all of them at once, without a Python object for each.

Documents of a collection mostly have the same fields in the same order. The first of some documents is
read by itself; then, field by field, it is looked up where each of the others has that field, and whichever
has another field there is left out. What remains is of one shape, and every value's place in it is known.
Nothing is taken for granted: lengths, ends and names are compared as they stand (bsonspec.org), so that a
document that is broken is of no shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

DOUBLE, STRING, OBJECT, LIST, OID, BOOLEAN, DATE, NULL, INT, LONG = 1, 2, 3, 4, 7, 8, 9, 10, 16, 18
SIZES = {DOUBLE: 8, STRING: 4, OID: 12, BOOLEAN: 1, DATE: 8, NULL: 0, INT: 4, LONG: 8}
"""The kinds of value that are read here, with their bytes; of a text these are its length."""

SPARE = 16
"""So many bytes must stand behind the documents: a place is looked at before it is known to be inside."""

DEEPEST = 50
MOST_FIELDS = 500


class NoShape(ValueError):
    """A document that no shape is made of."""


@dataclass(frozen=True)
class Step:
    """What comes next in a document: a value, or the begin or the end of an object or a list.

    ``kind`` is that of the first document. ``path`` are the names down to it, its own the last.
    """

    kind: int
    path: tuple[str, ...]
    name: bytes = b""
    in_list: bool = False
    is_end: bool = False


@dataclass
class Group:
    """Documents of one shape: their numbers, and for each value of the shape its kinds and places."""

    steps: list[Step]
    numbers: Places
    kinds: list[npt.NDArray[np.uint8] | int] = field(default_factory=list)
    places: list[Places] = field(default_factory=list)


def steps_of(document: bytes) -> list[Step]:
    """The shape of a document. Raises NoShape when it holds other kinds, or a key twice, or is broken."""
    steps = list(islice(_steps(document, 0, len(document), (), in_list=False), MOST_FIELDS + 1))
    if len(steps) > MOST_FIELDS:
        raise NoShape
    return steps


def _steps(document: bytes, start: int, end: int, path: tuple[str, ...], *, in_list: bool) -> Iterator[Step]:
    names: set[bytes] = set()
    place = start + 4
    while place < end - 1:
        kind = document[place]
        stop = document.find(b"\0", place + 1, end)
        name = document[place + 1 : stop]
        if stop < 0 or name in names or len(path) > DEEPEST:
            raise NoShape
        names.add(name)
        try:
            inner = (*path, name.decode())
        except UnicodeDecodeError:
            raise NoShape from None
        place = stop + 1
        yield Step(kind, inner, name, in_list)
        if kind in (OBJECT, LIST):
            size = int.from_bytes(document[place : place + 4], "little")
            if size < 5 or place + size > end:
                raise NoShape
            yield from _steps(document, place, place + size, inner, in_list=kind == LIST)
            place += size
        elif kind in SIZES:
            place += SIZES[kind]
            if kind == STRING:
                place += int.from_bytes(document[place - 4 : place], "little")
        else:
            raise NoShape
    if place != end - 1:
        raise NoShape
    yield Step(OBJECT, path, is_end=True)


def at(data: Bytes, kind: npt.DTypeLike, places: Places) -> npt.NDArray[Any]:
    """The values of a type that begin at these places of the bytes, which need not be aligned."""
    kind = np.dtype(kind)
    everywhere: npt.NDArray[Any] = np.ndarray(
        (len(data) - kind.itemsize + 1,), kind, buffer=data, strides=(1,)
    )
    return everywhere[places]


def matching(data: Bytes, starts: Places, numbers: Places, steps: list[Step]) -> Group:
    """Those of the documents that have this shape. ``starts`` are all documents' begins in ``data``."""
    group = Group(steps, numbers)
    begins = starts[numbers]
    ends = begins + at(data, "<i4", begins)
    open_ends = [ends]
    cursor = begins + 4

    def keep(good: npt.NDArray[np.bool_]) -> None:
        nonlocal cursor, open_ends
        if good.all():
            return
        cursor = cursor[good]
        open_ends = [one[good] for one in open_ends]
        group.numbers = group.numbers[good]
        group.places = [one[good] for one in group.places]
        group.kinds = [one if isinstance(one, int) else one[good] for one in group.kinds]

    for step in steps:
        if not len(cursor):
            break
        if step.is_end:
            keep((data[cursor] == 0) & (cursor + 1 == open_ends[-1]))
            cursor = cursor + 1
            open_ends.pop()
            continue
        keep(_named(data, cursor, step.name))
        kinds = data[cursor]
        cursor = cursor + len(step.name) + 2
        if step.kind in (OBJECT, LIST):
            keep((kinds == step.kind) & (cursor + 5 <= open_ends[-1]))
            open_ends.append(cursor + at(data, "<i4", cursor))
            keep((open_ends[-1] > cursor) & (open_ends[-1] < open_ends[-2]))
            cursor = cursor + 4
            continue
        same = bool((kinds == step.kind).all())
        group.kinds.append(step.kind if same else kinds)
        group.places.append(cursor)
        after = _behind(data, cursor, step.kind if same else kinds)
        cursor = after
        keep((after > group.places[-1] - 1) & (after < open_ends[-1]))
    return group


def _named(data: Bytes, places: Places, name: bytes) -> npt.NDArray[np.bool_]:
    """Whether the element at each place has this name."""
    wanted = name + b"\0"
    good = np.ones(len(places), np.bool_)
    for first in range(0, len(wanted), 8):
        part = wanted[first : first + 8]
        mask = np.uint64((1 << 8 * len(part)) - 1)
        value = np.uint64(int.from_bytes(part, "little"))
        # A place near the end is looked at no further than where the spare bytes are.
        found = at(data, "<u8", np.minimum(places + (1 + first), len(data) - 8))
        good &= (found & mask) == value
    return good


def _behind(data: Bytes, places: Places, kinds: npt.NDArray[np.uint8] | int) -> Places:
    """Where each value ends; -1 for one that is of another kind or broken."""
    if isinstance(kinds, int):
        if kinds == STRING:
            return _behind_text(data, places)
        after = places + SIZES[kinds]
        return np.where(data[places] <= 1, after, -1) if kinds == BOOLEAN else after
    after = np.full(len(places), -1, np.int64)
    for kind in SIZES:
        rows = np.flatnonzero(kinds == kind)
        if len(rows):
            after[rows] = _behind(data, places[rows], kind)
    return after


def _behind_text(data: Bytes, places: Places) -> Places:
    lengths = at(data, "<i4", places).astype(np.int64)
    after = places + 4 + lengths
    inside = (lengths > 0) & (after < len(data))
    return np.where(inside & (data[np.where(inside, after - 1, 0)] == 0), after, -1)
