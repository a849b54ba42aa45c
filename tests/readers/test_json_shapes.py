"""JSON texts that are passed by their shape: never one that a parser would have stopped."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.headrace.readers import json_text
from include.headrace.readers.json_shapes import MAX_SHAPES, Shapes, checker

GOOD = '{"a.b": 1, "c": {"d": [1, "x", null], "e": [{"f": true}, {"f": 2.5}]}, "g": [1, {"h": []}], "i": {}}'

BAD = [
    ('{"a.b": 1, "a.b": 1, "c": {}}', "the key 'a.b' occurs twice"),
    (GOOD.replace('"f": 2.5', '"f": 2.5, "f": 2.5'), "the key 'f' occurs twice"),
    (GOOD.replace("2.5", "1e400"), "would be rounded"),
    (GOOD.replace("2.5", "0." + "3" * 39), "would be rounded"),
    (GOOD.replace("2.5", "9" * 39), "would be rounded"),
    (GOOD.replace('"x"', '"\\u0000"'), "\\u0000 has no place"),
    (GOOD.replace('"x"', '"\\ud800"'), "half of a surrogate pair"),
    (GOOD.replace('"x"', '"\t"'), "it is not JSON"),
    (GOOD.replace('"x"', '"\\x"'), "it is not JSON"),
    (GOOD.replace("2.5", "02.5"), "it is not JSON"),
    (GOOD.replace("true", "True"), "it is not JSON"),
    (GOOD.replace("[1,", "[1,,"), "it is not JSON"),
    (GOOD + "}", "it is not JSON"),
    (GOOD + "\n" + GOOD, "it is not JSON"),
    (GOOD[:-1], "it is not JSON"),
]


@pytest.mark.parametrize(("text", "says"), BAD)
def test_what_differs_from_a_good_text_by_a_fault_is_found(text: str, says: str) -> None:
    texts = pa.array([GOOD, None, text, GOOD.replace("2.5", "-17"), text])
    convert = checker("v")
    for _ in range(2):
        same, faults = convert(texts)
        assert same.equals(texts)
        assert list(faults) == [2, 4]
        assert says in faults[2]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("2.5", '"é \\n \\" {}: 😀"').replace("true", "-0.25"),
        GOOD.replace('[1, "x", null]', "[]").replace('[{"f": true}, {"f": 2.5}]', '[{"f": 0}]'),
        f" {GOOD}\n".replace(",", "\t, ").replace('"c":', '"c" :'),
    ],
)
def test_a_text_that_differs_in_plain_values_alone_is_known(text: str) -> None:
    shapes = Shapes()
    assert shapes.learn(GOOD)
    assert not shapes.learn(text)
    assert shapes.unknown(pa.array([text, None])).to_pylist() == []


def test_only_so_many_shapes_are_learned() -> None:
    shapes = Shapes()
    texts = [f'{{"k{number}": 1}}' for number in range(MAX_SHAPES + 1)]
    assert [shapes.learn(text) for text in texts] == [True] * MAX_SHAPES + [False]
    assert shapes.unknown(pa.array(texts)).to_pylist() == [MAX_SHAPES]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(values, min_size=1, max_size=8), st.booleans())
def test_the_faults_are_those_of_a_parser(documents: list[object], escaped: bool) -> None:
    texts = pa.array([json.dumps(document, ensure_ascii=escaped) for document in documents], pa.string())
    convert = checker("v")
    for _ in range(2):
        _, faults = convert(texts)
        assert set(faults) == set(json_text.faults(texts))
