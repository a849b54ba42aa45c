"""What is told of values in answers of APIs, beyond what holds for any JSON (``json_cases``)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tests.values.case import Case
from tests.values.json_cases import DIGITS, Whole, aside, same


def _both(kind: str) -> Iterable[Case]:
    for value in ("9007199254740993", DIGITS, "1.10", "1e22", '"é🚲"', '""', "null", "{}", "[[]]"):
        yield same(kind, value)
    yield same(kind, '"\\ud83d\\udeb2"', '"🚲"', "One character, written as a pair of escapes.")
    for value in (f"{DIGITS}9", "1e400"):
        yield aside(kind, value, "would be rounded")
    yield aside(kind, '"\\ud800"', "half of a surrogate pair")
    yield same(kind, '"\\\\ud800"', note="A backslash and five letters.")
    yield aside(kind, '"a\\u0000b"', "\\u0000 has no place in a VARIANT")
    yield aside(kind, '{"a": 1, "a": 1}', "the key 'a' occurs twice")
    yield aside(kind, "a record that is null", "the document is no object", given=Whole(b"null"))
    yield aside(kind, "a record that is 5", "the document is no object", given=Whole(b"5"))
    yield aside(kind, "a record without its key", "the key has no value", given=Whole(b'{"%(column)s": 1}'))


def _rest() -> Iterable[Case]:
    yield from _both("REST")
    latin = "Whatever the header says: JSON that systems exchange is UTF-8 (RFC 8259)."
    yield aside("REST", "é as the byte e9", "the record is not UTF-8", latin, given=b'"\xe9"')
    half = b'"\xed\xa0\x80"'
    yield aside("REST", "half a surrogate pair (ed a0 80)", "half of a surrogate pair", given=half)


def _graphql() -> Iterable[Case]:
    yield from _both("GraphQL")
    float_note = "A Float is a double: equal when it is one, or has 38 digits at most."
    yield same("GraphQL", "0.30000000000000004", note=float_note)
    yield aside("GraphQL", "1e-400", "would be rounded")
    number, rounded = "NUMBER(38,4)", "would be rounded in a FLOAT"
    exact = Decimal("9007199254740993.1000")
    yield Case("GraphQL", "9007199254740993.1", number, "equal", exact)
    yield Case("GraphQL", '"12.50"', number, "equal", Decimal("12.5000"), "A Decimal scalar is text.")
    yield Case("GraphQL", "9007199254740993", "FLOAT", "quarantined", rounded)


REST: tuple[Case, ...] = tuple(_rest())
GRAPHQL: tuple[Case, ...] = tuple(_graphql())
