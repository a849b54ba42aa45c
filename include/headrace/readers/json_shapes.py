"""JSON texts that are of a shape already looked at are told in one pass, without parsing them.

Documents of one table mostly have the same keys in the same order. What makes PARSE_JSON refuse or alter
one (see ``json_text``) depends on its keys, its escapes and how its numbers are written, so a text that
differs from a good one in plain values alone is as good. That is a regular expression, which Arrow matches
over a whole column ten times as fast as a parser reads it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers import json_text
from include.headrace.readers.values import Conversion, Faults

SPACE = r"[ \t\n\r]*"
STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*"'
"""Without escapes by number, which make the characters that a VARIANT cannot hold."""

NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?"
"""At most 36 digits, of the 38 that a NUMBER has, and no exponent."""

SCALAR = rf"(?:{STRING}|{NUMBER}|true|false|null)"
SCALARS = rf"\[{SPACE}(?:{SCALAR}{SPACE}(?:,{SPACE}{SCALAR}{SPACE})*)?\]"

MAX_SHAPES = 16
MAX_LENGTH = 20_000
"""How long the expression of all shapes may become, and a text that a shape is learned from."""

LEARNED_FROM = 4
"""The shapes of so many texts of a batch are learned."""


class Shapes:
    """The shapes learned from one column. Threads that share one may learn a shape twice, and no worse."""

    def __init__(self) -> None:
        self._shapes: tuple[str, ...] = ()

    def unknown(self, texts: pa.Array) -> pa.Array:
        """The texts (their numbers, from 0) that have no shape known to be good. NULL needs none."""
        if not self._shapes:
            return pc.indices_nonzero(texts.is_valid())
        expression = rf"\A{SPACE}(?:{'|'.join(self._shapes)}){SPACE}\z"
        return pc.indices_nonzero(pc.invert(pc.match_substring_regex(texts, expression)))

    def learn(self, text: str) -> bool:
        """Take up the shape of a text that was found good; True when it is new, and there is room for it."""
        if len(text) > MAX_LENGTH:
            return False
        try:
            shape = _shape(json.loads(text))
        except RecursionError:
            return False
        length = len(shape) + sum(map(len, self._shapes))
        if shape in self._shapes or len(self._shapes) == MAX_SHAPES or length > MAX_LENGTH:
            return False
        self._shapes = (*self._shapes, shape)
        return True


def _shape(value: Any) -> str:
    """The expression of the texts that differ from this value in plain values alone."""
    if isinstance(value, dict):
        members = (f"{SPACE}{_key(key)}{SPACE}:{SPACE}{_shape(item)}{SPACE}" for key, item in value.items())
        return rf"\{{{','.join(members) or SPACE}\}}"
    if not isinstance(value, list):
        return SCALAR
    items = list(dict.fromkeys(map(_shape, value)))
    if items in ([], [SCALAR]):
        return SCALARS
    if len(items) == 1:
        return rf"\[{SPACE}{items[0]}{SPACE}(?:,{SPACE}{items[0]}{SPACE})*\]"
    return rf"\[{','.join(f'{SPACE}{_shape(item)}{SPACE}' for item in value)}\]"


def _key(key: str) -> str:
    return re.escape(json.dumps(key, ensure_ascii=False))


def checker(name: str) -> Conversion:
    """As ``json_text.checker``, for texts as a client wrote them: the column unchanged, and its faults."""
    shapes = Shapes()

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        rows = shapes.unknown(array)
        some = array.take(rows.slice(0, LEARNED_FROM))
        bad = json_text.faults(some)
        learned = [shapes.learn(text) for row, text in enumerate(some.to_pylist()) if row not in bad]
        if any(learned):
            rows = rows.take(shapes.unknown(array.take(rows)))
        found = json_text.faults(array.take(rows))
        return array, {rows[row].as_py(): f"{name}: {reason}" for row, reason in found.items()}

    return convert
