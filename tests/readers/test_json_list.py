"""JSON files that hold one list: where it stands, what is cut out of it, and what spoils all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.headrace.errors import SourceError
from include.headrace.readers import json_stream
from include.headrace.readers.json_list import elements
from tests.support.json_files import json_reader
from tests.support.reading import Read, read

ReadText = Callable[..., Read]


@pytest.fixture
def read_text(tmp_path: Path) -> ReadText:
    """Write one file, items.json, and read it."""

    def write_and_read(content: str | bytes, **fields: Any) -> Read:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "items.json").write_bytes(data)
        return read(json_reader(str(tmp_path), "*.json", format="list", **fields))

    return write_and_read


def payloads(found: Read) -> list[str]:
    return [row["payload"] for row in found.rows]


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def cut(text: str, records: str | None = None, size: int = 1) -> list[str]:
    """The elements of a list that comes in chunks of ``size`` bytes."""
    found = elements(chunked(text.encode(), size), records, "items.json")
    return [element for documents in found for element in documents.texts]


def test_each_element_lands_as_its_own_text(read_text: ReadText) -> None:
    found = read_text(
        '\ufeff [ {"id": 1, "n": 1.50},\n  {"id" : 2, "s": "],[\\"}{"}\n,{"id":3,"l":[[],{}]}]\n',
        primary_key=("id",),
    )
    assert [(row["id"], row["payload"]) for row in found.rows] == [
        ("1", '{"id": 1, "n": 1.50}'),
        ("2", '{"id" : 2, "s": "],[\\"}{"}'),
        ("3", '{"id":3,"l":[[],{}]}'),
    ]


def test_the_list_may_stand_deep_in_the_value(read_text: ReadText) -> None:
    content = """{"data_": [{"a": 9}], "meta": {"items": [{"a": 8}], "t": "]}"}, "n": -1.5e3, "s": "x",
        "data": {"before": [1, {"items": 2}], "items": [{"a": 1}, {"a": 2}], "after": null}, "end": true} """
    assert payloads(read_text(content, records="data.items")) == ['{"a": 1}', '{"a": 2}']


def test_an_empty_list_has_no_rows(read_text: ReadText) -> None:
    assert read_text("[ ]").extracted == 0
    assert read_text('{"data": []}', records="data").extracted == 0


def test_elements_that_cannot_be_carried_are_set_aside_by_their_number(read_text: ReadText) -> None:
    found = read_text('[{"a": 1}, 5, "x,]", {"a": 1, "a": 2}, {"a": NaN}, null, {"a": 2}]')
    assert payloads(found) == ['{"a": 1}', '{"a": 2}']
    assert [(one.position, one.record) for one in found.rejected] == [
        ("items.json record 2", "5"),
        ("items.json record 3", '"x,]"'),
        ("items.json record 4", '{"a": 1, "a": 2}'),
        ("items.json record 5", '{"a": NaN}'),
        ("items.json record 6", "null"),
    ]


def test_bytes_that_are_no_text_spoil_their_element_alone(read_text: ReadText) -> None:
    found = read_text(b'[{"a": "\xff"}, {"a": "\xc3\xa9"}]')
    assert payloads(found) == ['{"a": "é"}']
    assert [one.position for one in found.rejected] == ["items.json record 1"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        " \n",
        '[{"a": 1}',
        '[{"a": 1},',
        '[{"a": 1}, {"a": "2',
        '[{"a": 1}, {"a": 2]}',
        '[{"a": 1} {"a": 2}]',
        '[{"a": 1},]',
        '[{"a": 1},, {"a": 2}]',
        '[,{"a": 1}]',
        '[{"a": 1}] x',
        '[{"a": 1}][{"a": 2}]',
        '[{"a": 1}, {"a": tru}]',
        '[{"a": 1}, {"a" 2}]',
        "[{'a': 1}]",
        '[{"a": 1}, {"b": "x}, {"c": "y"}]',
        '{"a": 1}',
        '{"a": 1}\n{"a": 2}',
        '"list"',
        "12",
        "]",
    ],
)
def test_a_value_that_is_broken_anywhere_is_refused(read_text: ReadText, content: str) -> None:
    with pytest.raises(SourceError, match=r"items\.json"):
        read_text(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"items": []}', "no 'data' but items"),
        ("{}", "no 'data' but nothing"),
        ('{"data": {"list": []}}', "no list begins here"),
        ('{"data": null}', "no list begins here"),
        ("[]", "no object with 'data' begins here"),
        ('{"data": [], "data": [{"a": 1}]}', "second time"),
        ('{"data": [{"a": 1}]', "cut short"),
        ('{"data": [{"a": 1}], "next": [1, 2', "cut short"),
        ('{"data": [{"a": 1}], "next": [1, 2}}', "closes nothing"),
    ],
)
def test_records_that_lead_to_no_whole_list_are_refused(read_text: ReadText, content: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        read_text(content, records="data")


def test_an_error_says_at_which_character() -> None:
    with pytest.raises(SourceError, match=r"items\.json, character 12: "):
        cut('[{"a": 1}, ]')


def test_nesting_that_no_parser_follows_is_set_aside(read_text: ReadText) -> None:
    deep = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    found = read_text(f'[{deep}, {{"a": 1}}]')
    assert payloads(found) == ['{"a": 1}']
    assert found.rejected[0].position == "items.json record 1"


def test_what_stands_beside_the_list_may_be_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_DOCUMENT_BYTES", 1_000)
    beside = json.dumps([{"n": number} for number in range(1_000)])
    text = f'{{"before": {beside}, "data": [{{"a": 1}}], "after": {beside}}}'
    assert cut(text, "data", 100) == ['{"a": 1}']


def test_an_element_without_an_end_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_DOCUMENT_BYTES", 1_000)
    with pytest.raises(SourceError, match="character 12: what begins here does not end"):
        cut('[{"a": 1}, {"b": "' + "x" * 2_000 + '"}]', size=100)


def test_a_document_of_16_mb_loads_whole(read_text: ReadText) -> None:
    large = json.dumps({"id": 1, "text": "x" * 9_000_000, "list": [{"n": 1.5}] * 600_000})
    found = read_text(f'[{{"id": 0}}, {large}, {{"id": 2}}]', primary_key=("id",))
    assert [row["id"] for row in found.rows] == ["0", "1", "2"]
    assert found.rows[1]["payload"] == large


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(VALUES),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    size=st.integers(1, 9),
    below=st.lists(st.sampled_from(["a", "b", "é"]), max_size=2),
)
def test_any_list_comes_back_whole_whatever_the_chunks(
    values: list[Any], indent: int | None, ascii_only: bool, size: int, below: list[str]
) -> None:
    value: Any = values
    for name in reversed(below):
        value = {"x": values, name: value, "y": {name: values}}
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    # Characters that have no UTF-8 can only stand as escapes.
    text = text.encode("utf-8", "replace").decode()
    found = cut(text, ".".join(below) or None, size)
    expected = json.loads(text)
    for name in below:
        expected = expected[name]
    assert [json.loads(element) for element in found] == expected
