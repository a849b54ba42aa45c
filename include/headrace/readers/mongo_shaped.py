"""Rows of BSON documents of one shape: their JSON is put together from columns of values.

What stands between the values, names and brackets, is the same in all of them. A document is left to the
way of all others when there are few of its shape, or when a value of it needs more than copying or counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers.mongo_shapes import (
    DATE,
    LIST,
    NULL,
    OBJECT,
    OID,
    SPARE,
    Bytes,
    Group,
    NoShape,
    Places,
    Step,
    matching,
    steps_of,
)
from include.headrace.readers.mongo_texts import AROUND, Texts, in_order, texts_of
from include.headrace.readers.mongo_values import OF_BYTES, encode

FEWEST = 32
"""Fewer documents of a shape are done faster one by one."""

MOST_SHAPES = 16
TRIES = 8
"""How many new shapes are looked for among some documents."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Taken:
    """A column that is taken out of the documents: the value at a path, read as a Snowflake type."""

    name: str
    path: tuple[str, ...]
    kind: str
    is_key: bool


class Shape:
    """One shape's JSON between its values, and which value each column is. Raises NoShape for one that
    gives a column something else than a plain value."""

    def __init__(self, steps: list[Step], columns: Sequence[Taken]) -> None:
        self.steps = steps
        self.between: list[str] = [""]
        paths: dict[tuple[str, ...], int | None] = {}
        closing: list[str] = ["}"]
        lists = 0
        text = "{"
        for step in steps:
            if step.is_end:
                bracket = closing.pop()
                lists -= bracket == "]"
                text = f"{text.removesuffix(',')}{bracket},"
                continue
            if not step.in_list:
                text += f"{encode(step.path[-1]).decode()}:"
            is_value = step.kind not in (OBJECT, LIST)
            if not lists:
                paths[step.path] = len(self.between) - 1 if is_value else None
            if is_value:
                self.between[-1] = text
                self.between.append("")
                text = ","
            else:
                text += "[" if step.kind == LIST else "{"
                closing.append("]" if step.kind == LIST else "}")
                lists += step.kind == LIST
        self.between[-1] = text.removesuffix(",")
        for column in columns:
            found = paths.get(column.path, -1)
            if found is None or (found == -1 and column.is_key):
                raise NoShape
        self.values = [paths.get(column.path) for column in columns]


class ShapedRows:
    """Makes the rows of documents whose shape others have too, and learns the shapes as they come."""

    def __init__(self, columns: Sequence[Taken]) -> None:
        self._columns = columns
        self._shapes: list[Shape] = []
        # These look into values as JSON has them.
        self._is_plain = not any(
            column.kind == "VARIANT" or any(name.startswith("$") for name in column.path)
            for column in columns
        )

    def of(self, documents: Sequence[bytes]) -> tuple[list[tuple[Places, list[pa.Array]]], Places]:
        """Parts of the documents: their numbers, and of each the columns' texts and the payload.

        And the numbers of the documents that are left, in order.
        """
        left = np.arange(len(documents))
        if not self._is_plain or len(left) < FEWEST:
            return [], left
        data = np.frombuffer(b"".join([*documents, bytes(SPARE)]), np.uint8)
        starts = np.zeros(len(documents), np.int64)
        np.cumsum(np.fromiter(map(len, documents[:-1]), np.int64, len(documents) - 1), out=starts[1:])
        parts: list[tuple[Places, list[pa.Array]]] = []
        known, tried, aside = list(self._shapes), 0, []
        while len(left) >= FEWEST and (known or tried < TRIES):
            if known:
                shape = known.pop(0)
            else:
                tried += 1
                try:
                    shape = Shape(steps_of(documents[left[0]]), self._columns)
                except NoShape:
                    aside.append(left[:1])
                    left = left[1:]
                    continue
            group = matching(data, starts, left, shape.steps)
            if len(group.numbers) < FEWEST:
                if not known:
                    aside.append(left[:1])
                    left = left[1:]
                continue
            self._remember(shape)
            left = np.setdiff1d(left, group.numbers, assume_unique=True)
            texts, odd = self._texts(data, group, shape)
            if odd.any():
                aside.append(group.numbers[odd])
                good = pa.array(~odd)
                texts = [column.filter(good) for column in texts]
            parts.append((group.numbers[~odd], texts))
        return parts, np.sort(np.concatenate([left, *aside]))

    def _remember(self, shape: Shape) -> None:
        """The shapes found last come first."""
        self._shapes = [shape, *(one for one in self._shapes if one is not shape)][:MOST_SHAPES]

    def _texts(self, data: Bytes, group: Group, shape: Shape) -> tuple[list[pa.Array], Flags]:
        """The columns and the payload of a group, and which of its documents must be done another way."""
        odd = np.zeros(len(group.numbers), np.bool_)
        joined: list[pa.Array | str] = []
        columns: list[pa.Array] = [pa.nulls(len(odd), pa.string()) for _ in self._columns]
        for number, (kinds, places) in enumerate(zip(group.kinds, group.places, strict=True)):
            wanted = [index for index, value in enumerate(shape.values) if value == number]
            if isinstance(kinds, int):
                rows = [np.arange(len(places))]
                found = [(kinds, texts_of(data, kinds, places))]
            else:
                rows = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
                found = [
                    (int(kind), texts_of(data, int(kind), places[some]))
                    for kind, some in zip(np.unique(kinds), rows, strict=True)
                ]
            for some, (_, texts) in zip(rows, found, strict=True):
                if texts.odd is not None:
                    odd[some[texts.odd]] = True
            joined.append(shape.between[number])
            if len(found) == 1:
                before, behind = AROUND.get(found[0][0], ("", ""))
                joined += [before, _in_json(*found[0]), behind]
            else:
                joined.append(in_order([_whole(kind, texts) for kind, texts in found], rows))
            for index in wanted:
                column = self._columns[index]
                for some, (kind, _) in zip(rows, found, strict=True):
                    if (kind == NULL and column.is_key) or (kind == OID and column.kind not in OF_BYTES):
                        odd[some] = True
                columns[index] = in_order(
                    [_in_column(kind, texts, column.kind) for kind, texts in found], rows
                )
        payload = pc.binary_join_element_wise(*_merged([*joined, shape.between[-1]]), "")
        if isinstance(payload, pa.Scalar):
            payload = pa.array([payload.as_py()] * len(odd), pa.string())
        return [*columns, payload], odd


def _in_json(kind: int, texts: Texts) -> pa.Array | str:
    return "null" if kind == NULL else texts.escaped


def _whole(kind: int, texts: Texts) -> pa.Array:
    """Values as JSON writes them, with what stands around them."""
    if kind == NULL:
        return texts.bare.fill_null("null")
    before, behind = AROUND.get(kind, ("", ""))
    return pc.binary_join_element_wise(before, texts.escaped, behind, "") if before else texts.escaped


def _in_column(kind: int, texts: Texts, wanted: str) -> pa.Array:
    """Values as a column of the Snowflake type ``wanted`` reads them; see ``column_text``."""
    if kind != DATE:
        return texts.bare
    if wanted.startswith("TIMESTAMP_NTZ"):
        return pc.replace_substring_regex(texts.bare, "Z$", "")
    return pc.replace_substring_regex(texts.bare, "T00:00:00Z$", "") if wanted == "DATE" else texts.bare


def _merged(parts: Sequence[pa.Array | str]) -> list[pa.Array | str]:
    """The same with neighbours that are plain text put together."""
    merged: list[pa.Array | str] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif not isinstance(part, str) or part:
            merged.append(part)
    return merged
