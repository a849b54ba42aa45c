"""Documents as rows: what is taken out of them, and what a VARIANT cannot hold unaltered."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.headrace.config import JsonTable
from include.headrace.errors import SourceError
from include.headrace.readers import json_text
from include.headrace.readers.documents import DocumentRows


def rows_of(**fields: Any) -> DocumentRows:
    if "cursor" in fields:
        fields = {"disposition": "append", **fields}
    return DocumentRows(JsonTable(name="items", path="*.json", **fields))


def converted(texts: list[str], **fields: Any) -> tuple[list[dict[str, Any]], dict[int, str]]:
    rows, faults = rows_of(**fields).convert(texts)
    return rows.to_pylist(), faults


def test_values_are_taken_out_as_text_and_the_payload_stays_as_it_was() -> None:
    text = '{ "id" : "a\\u00e9\\n" , "n":1.50,"b":true, "none":null, "deep":{"er":{"x":[1, 2]}} }'
    columns = {
        "n": "VARCHAR",
        "b": "BOOLEAN",
        "none": "VARCHAR",
        "list": {"path": "deep.er.x", "type": "VARIANT"},
        "absent": {"path": "deep.no.x", "type": "VARCHAR"},
        "through": {"path": "n.x", "type": "VARCHAR"},
    }
    [row], faults = converted([text], primary_key=("id",), columns=columns)
    assert faults == {}
    assert row == {
        "id": "aé\n",
        "n": "1.50",
        "b": True,
        "none": None,
        "list": "[1, 2]",
        "absent": None,
        "through": None,
        "payload": text,
    }


def test_every_fault_of_a_document_is_told() -> None:
    texts = ['{"id": {}, "v": [1]}', '{"v": 1}', "[1]", '{"id": 1, "n": "x"}', "{", '{"id": 1, "id": 2}']
    _, faults = converted(texts, primary_key=("id",), columns={"v": "VARCHAR", "n": "NUMBER(4,0)"})
    assert faults.pop(4).startswith("it is not JSON")
    assert faults == {
        0: "id: holds an object; give the column the type VARIANT, or a path below it; "
        "v: holds a list; give the column the type VARIANT, or a path below it",
        1: "id: the key has no value",
        2: "the document is no object",
        3: "n: 'x' is not a NUMBER(4,0)",
        5: "the key 'id' occurs twice in one object",
    }


def test_excluded_fields_leave_the_payload_and_nothing_else_changes() -> None:
    texts = ['{"id":1,"pin":"x","n":1.50,"s":"\\u00e9"}', '{"id":2,"n":1E0}']
    rows, _ = converted(texts, exclude=("pin",))
    assert [row["payload"] for row in rows] == ['{"id":1,"n":1.50,"s":"\\u00e9"}', '{"id":2,"n":1E0}']


def test_excluding_what_a_column_is_taken_from_is_refused() -> None:
    with pytest.raises(SourceError, match="'station'"):
        rows_of(exclude=("station",), columns={"code": {"path": "station.code"}})


JSON_PIECES = [
    *'{}[]":,\\ \n\t',
    '"a"',
    '"a":',
    '{"a":',
    "1",
    "-0.5",
    "1e5",
    "1E400",
    "9" * 39,
    "null",
    "true",
]
ODD_PIECES = [
    "\\u0000",
    "\\u003a",
    "\\u0022",
    "\\ud800",
    "\\ud83d\\ude00",
    "\\u0061",
    "\0",
    "tru",
    "NaN",
    "é",
]
PIECES = st.sampled_from([*JSON_PIECES, *ODD_PIECES])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**45), 10**45) | st.floats() | st.text(':"\\a', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab:"), inner),
    max_leaves=6,
)


@st.composite
def nearly_json(draw: st.DrawFn) -> str:
    """JSON with something put in at some place, often a key once more."""
    text = json.dumps(draw(VALUES), separators=draw(st.sampled_from([(",", ":"), (" , ", " : ")])))
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(["", "", '"a":1,', '"a" : 1,']) | PIECES) + text[at:]


@settings(max_examples=400, deadline=None)
@given(st.lists(nearly_json() | st.lists(PIECES, max_size=8).map("".join), max_size=3))
@example(['{"a":1,"a":"\\u003a"}', '{"a":1,"a" : ":"}', '{"a":1}\n{"a":2}', '{"a":{"b":1},"a":{"b":1}}'])
@example(['{"a":1e5}', '{"a":[1e400,1.0E+2]}', "1e400", '{"a":-1E-400}', '{"1e400":"1e400"}', ""])
def test_the_quick_look_finds_what_the_thorough_one_does(texts: list[str]) -> None:
    thorough = {row: reason for row, text in enumerate(texts) if (reason := json_text.fault(text))}
    assert json_text.faults(pa.array(texts, pa.string())) == thorough


def test_null_is_no_fault() -> None:
    assert json_text.faults(pa.array(["{", None, "{}"], pa.string())).keys() == {0}


def test_a_long_document_is_looked_at_like_a_short_one() -> None:
    filling = '"x":[' + "0," * json_text.PLAIN_CHARACTERS + "0]"
    texts = [f"{{{filling}}}", f'{{"a":1,{filling},"a":2}}']
    assert json_text.faults(pa.array(texts)) == {1: "the key 'a' occurs twice in one object"}
