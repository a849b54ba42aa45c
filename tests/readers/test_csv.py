"""CSV files: what is a record, what is NULL, what is set aside and where it stood."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest

from include.headrace.errors import SourceError
from include.headrace.readers import csv_records
from include.headrace.readers.base import Span
from tests.support.reading import Read, csv_reader, read

ReadText = Callable[..., Read]


@pytest.fixture
def read_text(tmp_path: Path) -> ReadText:
    """Write one file, items.csv, and read it."""

    def write_and_read(content: str | bytes, span: Span | None = None, **fields: Any) -> Read:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "items.csv").write_bytes(data)
        return read(csv_reader(str(tmp_path), **fields), span)

    return write_and_read


def aside(found: Read) -> list[tuple[str, str, str]]:
    return [(one.position, one.reason, one.record) for one in found.rejected]


def test_every_column_is_text_unless_declared(read_text: ReadText) -> None:
    found = read_text("id,price,day\n007,1.50,2013-01-02\n")
    assert found.rows == [{"id": "007", "price": "1.50", "day": "2013-01-02"}]


def test_quotes_delimiters_and_line_ends_within_fields(read_text: ReadText) -> None:
    found = read_text('a,b\r\n"x,y","say ""hi"""\r\n"two\r\nlines","\n"\r\n" pad ", pad \r\n')
    assert found.rows == [
        {"a": "x,y", "b": 'say "hi"'},
        {"a": "two\r\nlines", "b": "\n"},
        {"a": " pad ", "b": " pad "},
    ]
    assert found.rejected == []


def test_only_an_unquoted_null_value_is_null(read_text: ReadText) -> None:
    assert read_text('a,b\n,""\n').rows == [{"a": None, "b": ""}]
    found = read_text('a,b\nNULL,"NULL"\n,\\N\n', null_values=("NULL", "\\N"))
    assert found.rows == [{"a": None, "b": "NULL"}, {"a": "", "b": None}]
    assert read_text("a,b\n,x\n", null_values=()).rows == [{"a": "", "b": "x"}]


def test_null_values_are_the_same_beside_a_ragged_record(read_text: ReadText) -> None:
    found = read_text('a,b\n,""\nragged\nNULL,"NULL"\n', null_values=("", "NULL"))
    assert found.rows == [{"a": None, "b": ""}, {"a": None, "b": "NULL"}]
    assert len(found.rejected) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ragged_records_are_set_aside_with_their_line_and_text(read_text: ReadText, end: str) -> None:
    lines = ["a,b", "1,2", '"x', 'y",2', "only", "1,2,3", "", "5,6"]
    found = read_text(end.join(lines) + end)
    assert [row["b"] for row in found.rows] == ["2", "2", "6"]
    assert found.rows[1]["a"] == f"x{end}y"
    assert aside(found) == [
        ("items.csv:5", "the record has 1 fields, the header has 2", "only"),
        ("items.csv:6", "the record has 3 fields, the header has 2", "1,2,3"),
    ]
    assert found.extracted == 5


def test_a_last_record_without_a_line_end_counts(read_text: ReadText) -> None:
    assert read_text("a,b\n1,2").rows == [{"a": "1", "b": "2"}]
    assert read_text('a,b\n1,"2"').rows == [{"a": "1", "b": "2"}]
    assert read_text("a,b\n1,").rows == [{"a": "1", "b": None}]
    assert read_text('a,b\n"",').rows == [{"a": "", "b": None}]


def test_a_quote_within_an_unquoted_field_stands_for_itself(read_text: ReadText) -> None:
    found = read_text('a,b\n5" pipe,"x"\n6" pipe,"two\nlines"\n')
    assert found.rows == [{"a": '5" pipe', "b": "x"}, {"a": '6" pipe', "b": "two\nlines"}]


def test_text_after_a_closing_quote_sets_the_record_aside(read_text: ReadText) -> None:
    found = read_text('a,b\n"x"y,1\n2,3\n')
    assert found.rows == [{"a": "2", "b": "3"}]
    assert aside(found) == [("items.csv:2", "text follows the closing quote of field 1", '"x"y,1')]


def test_a_quote_that_is_never_closed_sets_its_record_aside(read_text: ReadText) -> None:
    found = read_text('a,b\n1,2\n3,"x\n4,5\n')
    assert found.rows == [{"a": "1", "b": "2"}]
    assert aside(found) == [("items.csv:3", "the quote opened on line 3 is never closed", '3,"x\n4,5')]


def test_an_endless_record_stops_the_read(read_text: ReadText, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_records, "MAX_RECORD_BYTES", 5000)
    with pytest.raises(SourceError, match=r"items\.csv:3 does not end within 5000 bytes"):
        read_text('a,b\n1,2\n3,"' + "x\n" * 10_000)


def test_lines_are_exact_across_blocks(read_text: ReadText, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 64)
    lines = ["id,t"]
    for number in range(500):
        lines.append(f'{number},"a\nb"' if number % 7 else f'{number},5" x')
        if number % 50 == 49:
            lines.append(f"bad{number}")
    text = "\r\n".join(lines)
    found = read_text(text)
    assert [row["id"] for row in found.rows] == [str(number) for number in range(500)]
    physical = text.replace("\r\n", "\n").split("\n")
    expected = [f"items.csv:{at}" for at, line in enumerate(physical, 1) if line.startswith("bad")]
    assert [one.position for one in found.rejected] == expected


def test_a_column_alone_may_be_blank(read_text: ReadText) -> None:
    assert read_text("a\nx\n\ny\n").rows == [{"a": "x"}, {"a": None}, {"a": "y"}]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("cp1252", b""),
        ("utf-16", b""),
        ("utf-16-le", b"\xff\xfe"),
        ("shift_jis", b""),
    ],
)
def test_encodings_and_byte_order_marks(
    read_text: ReadText, monkeypatch: pytest.MonkeyPatch, encoding: str, mark: bytes
) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 7)
    word = "日本" if encoding == "shift_jis" else "naïve"
    found = read_text(mark + f"név,b\n{word},1\n".replace("é", "e").encode(encoding), encoding=encoding)
    assert found.rows == [{"nev": word, "b": "1"}]


@pytest.mark.parametrize(
    ("encoding", "bad", "raw"),
    [("utf-8", b"\xff", "\\xff"), ("ascii", "é".encode(), "\\xc3\\xa9")],
)
def test_bytes_outside_the_encoding_set_the_record_aside(
    read_text: ReadText, encoding: str, bad: bytes, raw: str
) -> None:
    found = read_text(b"a,b\n1,2\nx" + bad + b",3\n4,5\n", encoding=encoding)
    assert [row["a"] for row in found.rows] == ["1", "4"]
    assert aside(found) == [("items.csv:3", f"the record is not {encoding}", f"x{raw},3")]


def test_an_encoding_that_loses_its_way_stops_the_read(read_text: ReadText) -> None:
    with pytest.raises(SourceError, match="is not utf-16"):
        read_text(b"a,b\n1,2\n3", encoding="utf-16")


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "§"])
def test_other_delimiters(read_text: ReadText, delimiter: str) -> None:
    found = read_text(f'a{delimiter}b\n"x{delimiter}y"{delimiter}1,5\n', delimiter=delimiter)
    assert found.rows == [{"a": f"x{delimiter}y", "b": "1,5"}]


def test_declared_types_are_parsed(read_text: ReadText) -> None:
    columns = {
        "n": "NUMBER(10,2)", "f": "FLOAT", "b": "BOOLEAN", "d": "DATE", "ti": "TIME(3)",
        "ntz": "TIMESTAMP_NTZ", "tz": "TIMESTAMP_TZ(9)", "raw": "BINARY", "v": "VARIANT", "t": "VARCHAR",
    }  # fmt: skip
    header = ",".join(columns)
    found = read_text(
        f"{header}\n1e2,1.5e-3,Yes,2013-01-02,01:02:03.004,2013-01-02T03:04:05.123456,"
        '2013-01-02 03:04:05.123456789-05:00,00fF,"{""a"": 1}",x\n,,,,,,,,,\n',
        columns=columns,
    )
    assert found.rejected == []
    row = found.rows[0]
    assert int(found.table.column("tz")[0].value) % 1000 == 789
    del row["tz"]
    assert row == {
        "n": Decimal("100.00"),
        "f": 0.0015,
        "b": True,
        "d": date(2013, 1, 2),
        "ti": time(1, 2, 3, 4000),
        "ntz": datetime(2013, 1, 2, 3, 4, 5, 123456),
        "raw": b"\x00\xff",
        "v": '{"a": 1}',
        "t": "x",
    }
    assert found.rows[1] == dict.fromkeys(columns)
    assert [found.landing(name) for name in ("ti", "ntz", "tz", "v")] == [
        "TIME(3)", "TIMESTAMP_NTZ(6)", "TIMESTAMP_TZ(9)", "VARIANT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("NUMBER(4,1)", "1234.5"), ("NUMBER(4,1)", "1.25"), ("NUMBER(4,1)", "NaN"), ("NUMBER(38,0)", "1,5"),
        ("FLOAT", "1e999"), ("FLOAT", "x"), ("BOOLEAN", "maybe"), ("DATE", "2013-02-29"),
        ("DATE", "02/03/2013"),
        ("TIME", "24:00"), ("TIME(3)", "01:02:03.0045"), ("TIMESTAMP_NTZ", "2013-01-02T03:04:05Z"),
        ("TIMESTAMP_TZ", "2013-01-02T03:04:05"), ("TIMESTAMP_NTZ", "2013-01-02T03:04:05.1234567"),
        ("TIMESTAMP_NTZ(0)", "2013-01-02T03:04:05.1"), ("BINARY", "0x1"), ("VARIANT", "{a: 1}"),
        ("VARIANT", '{"a":1,"a":2}'), ("VARIANT", "NaN"), ("VARIANT", ""),
    ],
)  # fmt: skip
def test_text_that_is_not_of_the_declared_type_is_set_aside(
    read_text: ReadText, kind: str, text: str
) -> None:
    quoted = '"' + text.replace('"', '""') + '"'
    found = read_text(f"id,v\n1,\n2,{quoted}\n3,\n", columns={"v": kind})
    assert [row["id"] for row in found.rows] == ["1", "3"]
    (rejected,) = found.rejected
    assert rejected.position == "items.csv:3"
    assert rejected.reason.startswith("v: ")
    assert rejected.record == f"2,{quoted}"


def test_an_infinite_float_is_a_value(read_text: ReadText) -> None:
    assert read_text("v\ninf\n-Infinity\n", columns={"v": "FLOAT"}).rows == [
        {"v": float("inf")},
        {"v": float("-inf")},
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "items.csv is empty"),
        ("\ufeff", "items.csv is empty"),
        ("a,b,a\n1,2,3\n", "has the column 'a' twice"),
        ("a,,b\n1,2,3\n", "leaves column 2 without a name"),
        ('a,"b\n1,2\n', "is never closed"),
    ],
)
def test_a_file_without_good_column_names_stops_the_read(
    read_text: ReadText, content: str, says: str
) -> None:
    with pytest.raises(SourceError, match=says):
        read_text(content)


def test_a_header_alone_gives_no_rows(read_text: ReadText) -> None:
    for content in ("a,b", "a,b\n", "a,b\r\n\r\n"):
        found = read_text(content)
        assert found.table.schema.names == ["a", "b"]
        assert found.extracted == 0


def test_a_header_of_one_column_alone_gives_no_rows(read_text: ReadText) -> None:
    for content in ("a", "a\n", "a\r\n"):
        assert read_text(content).extracted == 0


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, text in (("b.csv", "x,y\n3,4\n"), ("a.csv", "y,x\n2,1\n"), ("sub/c.csv", "x,y\n5,6\n9\n")):
        (tmp_path / name).write_text(text)
    assert read(csv_reader(str(tmp_path))).rows == [{"y": "2", "x": "1"}, {"y": "4", "x": "3"}]
    everything = read(csv_reader(str(tmp_path), "**/*.csv"))
    assert [row["x"] for row in everything.rows] == ["1", "3", "5"]
    assert [one.position for one in everything.rejected] == ["sub/c.csv:3"]


def test_files_of_different_columns_stop_the_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    with pytest.raises(SourceError, match=r"b\.csv are not those of .*a\.csv: it lacks y; it adds z"):
        read(csv_reader(str(tmp_path)))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"cursor": "at"}, "no column 'at'; it has a, b. Correct `cursor`"),
        ({"primary_key": ("k",)}, "no column 'k'"),
        ({"exclude": ("z",)}, "no column 'z'"),
        ({"columns": {"c": "DATE"}}, "no column 'c'; it has a, b. Correct `columns`"),
        ({"exclude": ("a", "b")}, "no columns to read"),
    ],
)
def test_a_column_that_is_not_there_is_named_beside_those_that_are(
    read_text: ReadText, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read_text("a,b\n1,2\n", **fields)
    assert says in str(caught.value)


def test_no_file_or_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"No file matches '\*\.csv' below"):
        read(csv_reader(str(tmp_path)))
    with pytest.raises(SourceError, match="There is no folder"):
        read(csv_reader(str(tmp_path / "nowhere")))


def test_excluded_columns_are_not_read(read_text: ReadText) -> None:
    assert read_text("a,b\n1,2\nbad\n", exclude=("a",)).rows == [{"b": "2"}]


def test_compressed_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "items.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))
    assert read(csv_reader(str(tmp_path), "*.csv.gz")).rows == [{"a": "1"}]


def test_a_compressed_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    lines = "".join(f"{number}\n" for number in range(10_000))
    packed = gzip.compress(f"a\n{lines}".encode())
    (tmp_path / "items.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=r"items\.csv\.gz cannot be unpacked"):
        read(csv_reader(str(tmp_path), "*.csv.gz"))


def test_any_file_system_that_fsspec_knows_is_read(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/shop/a [1]/items.csv", b"a\n1\n")
    assert read(csv_reader("memory://shop/a [1]")).rows == [{"a": "1"}]
    (tmp_path / "items.csv").write_text("a\n2\n")
    assert read(csv_reader(f"file://{tmp_path}")).rows == [{"a": "2"}]


MOMENTS = "id,at\n" + "".join(f"{hour},2013-07-01T{hour:02d}:00:00Z\n" for hour in range(10))
TYPED: dict[str, Any] = {"columns": {"id": "NUMBER(5,0)", "at": "TIMESTAMP_TZ"}, "cursor": "at"}


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(), range(10)),
        (Span(lower="2013-07-01 03:00:00.000000Z"), range(3, 10)),
        (Span(lower="2013-07-01 03:00:00+00:00", lower_inclusive=False), range(4, 10)),
        (Span(lower="2013-07-01 03:00:00Z", upper="2013-07-01 05:00:00Z"), range(3, 5)),
        (Span(lower="2014-01-01 00:00:00Z"), range(0)),
    ],
)
def test_a_span_counts_the_rows_it_leaves_out(read_text: ReadText, span: Span, expected: range) -> None:
    found = read_text(MOMENTS, span, **TYPED)
    assert [row["id"] for row in found.rows] == list(expected)
    assert found.extracted == 10


def test_a_text_cursor_is_compared_as_text(read_text: ReadText) -> None:
    found = read_text("k\na\nb\nc\n", Span(lower="b"), cursor="k")
    assert [row["k"] for row in found.rows] == ["b", "c"]
    assert found.discarded == 1


def test_rows_at_fault_outside_the_span_are_discarded(read_text: ReadText) -> None:
    text = "k,n\na,x\nb,1\nc,y\n,3\n"
    found = read_text(text, Span(lower="b"), cursor="k", columns={"n": "NUMBER(5,0)"})
    assert found.rows == [{"k": "b", "n": Decimal(1)}]
    assert [one.position for one in found.rejected] == ["items.csv:4", "items.csv:5"]
    assert "cursor is NULL" in found.rejected[1].reason
    assert found.discarded == 1


def test_a_bound_of_another_type_is_an_error(read_text: ReadText) -> None:
    with pytest.raises(SourceError, match="The bound 'soon' is no timestamp"):
        read_text(MOMENTS, Span(lower="soon"), **TYPED)


def test_limit_sample_and_window_narrow_a_prototype(
    read_text: ReadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [row["id"] for row in read_text(MOMENTS, limit=3, **TYPED).rows] == [0, 1, 2]
    latest = read_text(MOMENTS, window=timedelta(hours=2), **TYPED)
    assert [row["id"] for row in latest.rows] == [7, 8, 9]
    assert latest.discarded == 7
    many = "id\n" + "".join(f"{number}\n" for number in range(2000))
    sampled = read_text(many, sample=0.1)
    assert 150 < len(sampled.rows) < 250
    assert sampled.extracted == 2000
    assert read_text(many, sample=0.1).rows == sampled.rows
    with pytest.raises(SourceError, match="declare it in `columns`"):
        read_text(MOMENTS, window=timedelta(hours=2), cursor="at")
    monkeypatch.setenv("HEADRACE_ENV", "prod")
    assert len(read_text(many, sample=0.1, limit=1).rows) == 2000
