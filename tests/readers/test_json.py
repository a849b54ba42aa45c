"""NDJSON files: what is a document, what is set aside and where it stood, which part is read."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.headrace.errors import SourceError
from include.headrace.readers import json_lines
from include.headrace.readers.base import Span
from tests.support.json_files import json_reader
from tests.support.reading import Read, read

ReadText = Callable[..., Read]

PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture
def read_text(tmp_path: Path) -> ReadText:
    """Write one file, items.ndjson, and read it."""

    def write_and_read(content: str | bytes, span: Span | None = None, **fields: Any) -> Read:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "items.ndjson").write_bytes(data)
        return read(json_reader(str(tmp_path), **fields), span)

    return write_and_read


def aside(found: Read) -> list[tuple[str, str]]:
    return [(one.position, one.record) for one in found.rejected]


def payloads(found: Read) -> list[str]:
    return [row["payload"] for row in found.rows]


def pack(data: bytes, ending: str) -> bytes:
    if ending == "zst":
        return bytes(pa.Codec("zstd").compress(data, asbytes=True))
    return PACKERS[ending](data)


def test_a_line_lands_as_its_key_and_its_own_text(read_text: ReadText) -> None:
    line = '{"id": 7, "price": 1.50, "at": {"x": [1, 2]}, "gone": null}'
    found = read_text(line + "\n", primary_key=("id",))
    assert found.rows == [{"id": "7", "payload": line}]
    assert found.landing("payload") == "VARIANT"


def test_a_broken_line_is_set_aside_and_the_others_load(read_text: ReadText) -> None:
    found = read_text('{"a": 1}\n{"a": 2\n\n  \t\r\n{"a": 3}\r\nnonsense\n{"a": 4} {"a": 5}\n{"a": 6}')
    assert payloads(found) == ['{"a": 1}', '{"a": 3}', '{"a": 6}']
    assert aside(found) == [
        ("items.ndjson:2", '{"a": 2'),
        ("items.ndjson:6", "nonsense"),
        ("items.ndjson:7", '{"a": 4} {"a": 5}'),
    ]
    assert all("not JSON" in one.reason for one in found.rejected)
    assert found.extracted == 6


def test_a_file_cut_in_mid_line_loses_its_last_line_only(read_text: ReadText) -> None:
    found = read_text('{"a": 1}\n{"a": 2}\n{"a": "3')
    assert payloads(found) == ['{"a": 1}', '{"a": 2}']
    assert aside(found) == [("items.ndjson:3", '{"a": "3')]


def test_a_file_without_a_document_has_no_rows(read_text: ReadText) -> None:
    assert read_text("").extracted == 0
    assert read_text("\n \r\n").extracted == 0


@pytest.mark.parametrize("line", ["[1, 2]", "5", '"text"', "null", "true"])
def test_a_line_that_is_no_object_is_set_aside(read_text: ReadText, line: str) -> None:
    found = read_text(f'{{"a": 1}}\n{line}\n')
    assert payloads(found) == ['{"a": 1}']
    assert [(one.position, one.reason, one.record) for one in found.rejected] == [
        ("items.ndjson:2", "the document is no object", line)
    ]


@pytest.mark.parametrize("content", ['[{"a": 1}]', '\ufeff[\n{"a": 1},\n{"a": 2}\n]\n'])
def test_a_list_read_as_lines_is_refused_not_set_aside(read_text: ReadText, content: str) -> None:
    with pytest.raises(SourceError, match="set format to list"):
        read_text(content)


def test_documents_of_many_shapes_share_a_table(read_text: ReadText) -> None:
    found = read_text(
        '{"id": 1, "v": 5}\n{"id": "1", "v": "five"}\n{"id": 2, "v": {"n": 5}}\n{"v": 1}\n'
        '{"id": {"a": 1}}\n{"id": null}\n',
        primary_key=("id",),
        columns={"n": {"path": "v.n", "type": "NUMBER(4,0)"}},
    )
    assert [(row["id"], row["n"]) for row in found.rows] == [("1", None), ("1", None), ("2", Decimal(5))]
    assert [(one.position, one.reason) for one in found.rejected] == [
        ("items.ndjson:4", "id: the key has no value"),
        ("items.ndjson:5", "id: holds an object; give the column the type VARIANT, or a path below it"),
        ("items.ndjson:6", "id: the key has no value"),
    ]


def test_characters_that_other_formats_split_lines_at_do_not(read_text: ReadText) -> None:
    line = '{"a": "one\u2028two\u2029three\x85four"}'
    assert payloads(read_text(line + "\n")) == [line]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16", b""), ("latin-1", b""), ("utf-32-le", b"")],
)
def test_files_of_any_encoding_land_as_unicode(read_text: ReadText, encoding: str, mark: bytes) -> None:
    line = '{"a": "é ü ÿ"}'
    found = read_text(mark + f"{line}\r\n{line}\n".encode(encoding), encoding=encoding)
    assert payloads(found) == [line, line]


def test_bytes_that_are_no_text_spoil_their_line_alone(read_text: ReadText) -> None:
    found = read_text(b'{"a": "\xe9"}\n{"a": "\xc3\xa9"}\n\xff\n')
    assert payloads(found) == ['{"a": "é"}']
    assert [(one.position, one.reason, one.record) for one in found.rejected] == [
        ("items.ndjson:1", "it holds bytes that are not utf-8", '{"a": "\\xe9"}'),
        ("items.ndjson:3", "it holds bytes that are not utf-8", "\\xff"),
    ]


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_packed_files_are_read(tmp_path: Path, ending: str) -> None:
    # Two packed files one after the other are one, as `cat` makes them.
    data = pack(b'{"a": 1}\n', ending) + pack(b'{"a": 2}\n', ending)
    (tmp_path / f"items.ndjson.{ending}").write_bytes(data)
    found = read(json_reader(str(tmp_path), f"*.{ending}"))
    assert payloads(found) == ['{"a": 1}', '{"a": 2}']


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("fault", ["cut", "not packed"])
def test_a_packed_file_that_is_broken_is_refused_and_named(tmp_path: Path, ending: str, fault: str) -> None:
    lines = "".join(f'{{"a": "{number * 7919 % 100003}"}}\n' for number in range(20_000)).encode()
    data = pack(lines, ending)
    (tmp_path / f"items.ndjson.{ending}").write_bytes(data[: len(data) // 2] if fault == "cut" else lines)
    with pytest.raises(SourceError, match=rf"items\.ndjson\.{ending} cannot be unpacked"):
        read(json_reader(str(tmp_path), f"*.{ending}"))


def test_numbers_keep_every_digit(read_text: ReadText) -> None:
    line = (
        '{"a": 12345678901234567890123456789012345678, "b": 0.1000, "c": -0, "d": 1e3, "e": 0.1234567890123}'
    )
    assert payloads(read_text(line)) == [line]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1, "a": 1}', "occurs twice"),
        ('{"a": {"b": [{"c": 1, "c": 2}]}}', "occurs twice"),
        ('{"a": 1, "\\u0061": 1}', "occurs twice"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": -Infinity}', "not JSON"),
        ('{"a": 123456789012345678901234567890123456789}', "rounded"),
        ('{"a": 1e400}', "rounded"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ('{"a": "\\u0000"}', "u0000"),
        ('{"a": 01}', "not JSON"),
        ('{"a": "tab\there"}', "not JSON"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1,}', "not JSON"),
    ],
)
def test_what_a_variant_would_alter_is_set_aside(read_text: ReadText, line: str, reason: str) -> None:
    found = read_text(f'{line}\n{{"a": 2}}\n')
    assert payloads(found) == ['{"a": 2}']
    assert [one.record for one in found.rejected] == [line]
    assert reason in found.rejected[0].reason


def test_a_document_of_16_mb_loads_whole(read_text: ReadText) -> None:
    large = json.dumps({"id": 1, "text": "x" * 9_000_000, "list": [{"n": 1.5}] * 600_000})
    assert len(large) > 16_000_000
    found = read_text(f'{large}\n{{"id": 2}}\n', primary_key=("id",))
    assert [row["id"] for row in found.rows] == ["1", "2"]
    assert found.rows[0]["payload"] == large


def test_a_long_document_set_aside_is_cut(read_text: ReadText) -> None:
    found = read_text('{"a": "' + "x" * 1_000_000 + "\n")
    [one] = found.rejected
    assert one.record.startswith('{"a": "xxx')
    assert one.record.endswith("... (1000007 characters)")
    assert len(one.record) < 101_000


def test_a_line_without_an_end_is_not_waited_for_for_ever(
    read_text: ReadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "MAX_DOCUMENT_BYTES", 5_000_000)
    with pytest.raises(SourceError, match=r"items\.ndjson:2 .*format to list"):
        read_text('{"a": 1}\n' + "x" * 9_000_000)


def test_nesting_that_no_parser_follows_is_set_aside(read_text: ReadText) -> None:
    deep = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    found = read_text(f'{deep}\n{{"a": 1}}\n')
    assert payloads(found) == ['{"a": 1}']
    assert found.rejected[0].position == "items.ndjson:1"


def test_files_are_read_in_name_order_and_counted_by_line(tmp_path: Path) -> None:
    (tmp_path / "b.ndjson").write_text('{"n": 3}\nbad\n')
    (tmp_path / "a.ndjson").write_text('{"n": 1}\n{"n": 2}\n')
    found = read(json_reader(str(tmp_path)))
    assert payloads(found) == ['{"n": 1}', '{"n": 2}', '{"n": 3}']
    assert aside(found) == [("b.ndjson:2", "bad")]


def test_blocks_of_many_lines_keep_positions_and_order(
    read_text: ReadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "BLOCK_DOCUMENTS", 7)
    content = "".join("bad\n" if number % 10 == 9 else f'{{"n": {number}}}\n' for number in range(100))
    found = read_text(content)
    assert payloads(found) == [f'{{"n": {number}}}' for number in range(100) if number % 10 != 9]
    assert [one.position for one in found.rejected] == [f"items.ndjson:{line}" for line in range(10, 101, 10)]


EVENTS = "".join(f'{{"id": {day}, "at": "2013-01-{day:02}T00:00:00Z"}}\n' for day in range(1, 11))


def test_only_the_span_is_read_and_the_rest_counted(read_text: ReadText) -> None:
    cursor = {"primary_key": ("id",), "cursor": "at", "columns": {"at": "TIMESTAMP_TZ"}}
    span = Span(lower="2013-01-03T00:00:00Z", lower_inclusive=False, upper="2013-01-06T00:00:00Z")
    found = read_text(EVENTS + '{"id": 11}\n', span, **cursor)
    assert [row["id"] for row in found.rows] == ["4", "5"]
    assert [one.position for one in found.rejected] == ["items.ndjson:11"]
    assert "cursor" in found.rejected[0].reason
    assert found.extracted == 11


def test_window_sample_and_limit_make_a_prototype_small(read_text: ReadText) -> None:
    cursor = {"cursor": "at", "columns": {"at": "TIMESTAMP_TZ", "id": "NUMBER(4,0)"}}
    window = read_text(EVENTS, window=timedelta(days=2), **cursor)
    assert [int(row["id"]) for row in window.rows] == [8, 9, 10]
    assert len(read_text(EVENTS, limit=3).rows) == 3
    many = "".join(f'{{"id": {number}}}\n' for number in range(1000))
    sample = read_text(many, sample=0.1)
    assert 60 < len(sample.rows) < 140
    assert sample.extracted == 1000
    assert read_text(many, sample=0.1).rows == sample.rows


def test_excluded_fields_do_not_land(read_text: ReadText) -> None:
    found = read_text('{"id": 1, "secret": "x", "n": 1.50}\n', exclude=("secret",))
    assert [json.loads(text, parse_float=str) for text in payloads(found)] == [{"id": 1, "n": "1.50"}]
