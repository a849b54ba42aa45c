"""Parquet files: types, files that differ, files that are damaged, and what part is read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fsspec  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.headrace.errors import SourceError
from include.headrace.readers.base import Span
from tests.support.reading import parquet_reader, read


def write(folder: Path, name: str = "items.parquet", **columns: Any) -> Path:
    pq.write_table(pa.table(columns), folder / name)
    return folder / name


def test_ordinary_types_keep_value_and_type(tmp_path: Path) -> None:
    write(
        tmp_path,
        b=pa.array([True, None]),
        i=pa.array([-(2**63), None], pa.int64()),
        s=pa.array([-5, None], pa.int8()),
        f=pa.array([0.5, None], pa.float32()),
        n=pa.array([Decimal("12.34"), None], pa.decimal128(5, 2)),
        t=pa.array(['é "x"', None]),
        raw=pa.array([b"\x00", None]),
        d=pa.array([date(2013, 1, 2), None]),
        ti=pa.array([time(23, 59), None], pa.time64("us")),
        ntz=pa.array([datetime(2013, 1, 2, 3), None], pa.timestamp("us")),
        tz=pa.array([datetime(2013, 1, 2, 3, tzinfo=UTC), None], pa.timestamp("us", tz="America/New_York")),
    )
    found = read(parquet_reader(str(tmp_path)))
    assert found.rows == [
        {
            "b": True, "i": -(2**63), "s": -5, "f": 0.5, "n": Decimal("12.34"), "t": 'é "x"', "raw": b"\x00",
            "d": date(2013, 1, 2), "ti": time(23, 59), "ntz": datetime(2013, 1, 2, 3),
            "tz": datetime(2013, 1, 2, 3, tzinfo=UTC),
        },
        dict.fromkeys(found.table.schema.names),
    ]  # fmt: skip
    assert found.table.schema.field("tz").type == pa.timestamp("us", tz="UTC")


def test_types_without_a_match_land_in_one_that_holds_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        u64=pa.array([2**64 - 1, 0], pa.uint64()),
        words=pa.array(["a", "b"]).dictionary_encode(),
        large=pa.array(["x", None], pa.large_string()),
        half=pa.array([1.5, None], pa.float16()),
        fixed=pa.array([b"ab", None], pa.binary(2)),
        ms=pa.array([1_000, None], pa.timestamp("ms")),
        day=pa.array([date(2013, 1, 2), None], pa.date64()),
        clock=pa.array([time(1, 2, 3), None], pa.time32("ms")),
        wide=pa.array([Decimal("1.5"), None], pa.decimal256(60, 1)),
        nothing=pa.nulls(2),
        key=pa.ExtensionArray.from_storage(pa.uuid(), pa.array([UUID(int=5).bytes, None], pa.binary(16))),
    )
    found = read(parquet_reader(str(tmp_path)))
    assert found.rows[0] == {
        "u64": Decimal(2**64 - 1), "words": "a", "large": "x", "half": 1.5, "fixed": b"ab",
        "ms": datetime(1970, 1, 1, 0, 0, 1), "day": date(2013, 1, 2), "clock": time(1, 2, 3),
        "wide": Decimal("1.5"), "nothing": None, "key": "00000000-0000-0000-0000-000000000005",
    }  # fmt: skip
    assert found.table.schema.field("u64").type == pa.decimal128(20, 0)
    assert found.table.schema.field("nothing").type == pa.string()


def test_nanoseconds_are_kept(tmp_path: Path) -> None:
    moment = 1_357_095_845_123_456_789
    write(tmp_path, at=pa.array([moment], pa.timestamp("ns", tz="UTC")), ti=pa.array([1], pa.time64("ns")))
    found = read(parquet_reader(str(tmp_path)))
    assert found.table.column("at")[0].value == moment
    assert found.table.column("ti")[0].value == 1


def test_nested_columns_land_as_json(tmp_path: Path) -> None:
    inner = pa.struct([("a b", pa.int64()), ("n", pa.decimal128(30, 3)), ("at", pa.timestamp("ns"))])
    rows = [{"a b": 1, "n": Decimal("123456789012345678901234567.125"), "at": None}, None]
    structs = pa.array([*rows, {"a b": None, "n": None, "at": 1_357_095_845_123_456_789}], inner)
    lists = pa.array([["x", None, 'q"'], None, []])
    write(
        tmp_path,
        s=structs,
        l=lists,
        floats=pa.array([[0.1, 1e300], [], None]),
        m=pa.array([[("k", 1), ("é", None)], None, []], pa.map_(pa.string(), pa.int32())),
        numbered=pa.array([[(1, True)], None, []], pa.map_(pa.int32(), pa.bool_())),
        deep=pa.array(
            [[{"raw": [b"\xff"]}], [], None], pa.list_(pa.struct([("raw", pa.list_(pa.binary()))]))
        ),
    )
    found = read(parquet_reader(str(tmp_path)))
    assert found.rejected == []
    assert found.table.to_pydict() == {
        "s": [
            '{"a b":1,"n":123456789012345678901234567.125,"at":null}',
            None,
            '{"a b":null,"n":null,"at":"2013-01-02 03:04:05.123456789"}',
        ],
        "l": ['["x",null,"q\\""]', None, "[]"],
        "floats": ["[0.1,1e+300]", "[]", None],
        "m": ['{"k":1,"é":null}', None, "{}"],
        "numbered": ['[{"key":1,"value":true}]', None, "[]"],
        "deep": ['[{"raw":["FF"]}]', "[]", None],
    }
    assert {found.landing(name) for name in found.table.schema.names} == {"VARIANT"}


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([[1.0], [float("nan")]]), "NaN is not JSON"),
        (pa.array([[], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int32())), "the key 'k' occurs twice"),
        (pa.array([None, Decimal(10**38)], pa.decimal256(40, 0)), "is not a NUMBER(38,0)"),
        (pa.array([0, 253_402_300_800], pa.timestamp("s")), "10000-01-01 00:00:00.000000 is outside"),
        (pa.array([0, 2**60], pa.timestamp("ms")), "is not a TIMESTAMP_NTZ(6)"),
        (pa.array([0, 2_932_897], pa.date32()), "10000-01-01 is outside"),
    ],
)
def test_a_value_that_cannot_be_carried_sets_its_row_aside(
    tmp_path: Path, column: pa.Array, reason: str
) -> None:
    write(tmp_path, id=pa.array([1, 2]), v=column)
    found = read(parquet_reader(str(tmp_path)))
    assert found.table.column("id").to_pylist() == [1]
    (rejected,) = found.rejected
    assert rejected.position == "items.parquet row 2"
    assert reason in rejected.reason
    assert json.loads(rejected.record)["id"] == "2"


def test_types_of_several_files_are_joined_without_loss(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.parquet",
        i=pa.array([1], pa.int16()),
        mixed=pa.array([200], pa.uint8()),
        n=pa.array([1], pa.int32()),
        d=pa.array([Decimal("1.5")], pa.decimal128(5, 1)),
        f=pa.array([7], pa.int32()),
        at=pa.array([5], pa.timestamp("ms")),
        late=pa.nulls(1),
    )
    write(
        tmp_path,
        "b.parquet",
        late=pa.array(["x"]),
        at=pa.array([5], pa.timestamp("ns")),
        f=pa.array([0.25], pa.float32()),
        d=pa.array([Decimal("0.123")], pa.decimal128(4, 3)),
        n=pa.array([Decimal("2.50")], pa.decimal128(4, 2)),
        mixed=pa.array([-1], pa.int8()),
        i=pa.array([2], pa.int64()),
        new=pa.array([True]),
    )
    found = read(parquet_reader(str(tmp_path)))
    assert {field.name: str(field.type) for field in found.table.schema} == {
        "i": "int64", "mixed": "int16", "n": "decimal128(12, 2)", "d": "decimal128(7, 3)", "f": "double",
        "at": "timestamp[ns]", "late": "string", "new": "bool",
    }  # fmt: skip
    columns = found.table.to_pydict()
    assert columns["f"] == [7.0, 0.25]
    assert columns["n"] == [Decimal("1.00"), Decimal("2.50")]
    assert columns["mixed"] == [200, -1]
    assert columns["late"] == [None, "x"]
    assert columns["new"] == [None, True]
    assert [value.value for value in found.table.column("at")] == [5_000_000, 5]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([1]), pa.array(["x"])),
        (pa.array([2**60]), pa.array([0.5])),
        (pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("us", tz="UTC"))),
        (pa.array([None], pa.decimal128(38, 0)), pa.array([None], pa.decimal128(3, 2))),
        (pa.array([date(2013, 1, 1)]), pa.array([1], pa.timestamp("us"))),
    ],
)
def test_types_that_no_type_holds_both_of_stop_the_read(
    tmp_path: Path, first: pa.Array, second: pa.Array
) -> None:
    write(tmp_path, "a.parquet", id=pa.array([1]), v=first)
    write(tmp_path, "b.parquet", id=pa.array([1]), v=second)
    with pytest.raises(SourceError, match=r"Column 'v' is .* in .*b\.parquet and .* in .*a\.parquet"):
        read(parquet_reader(str(tmp_path)))


def test_a_type_that_nothing_holds_names_file_and_column(tmp_path: Path) -> None:
    write(tmp_path, id=pa.array([1]), gap=pa.array([5], pa.duration("s")))
    with pytest.raises(SourceError, match=r"Column 'gap' of .*items\.parquet"):
        read(parquet_reader(str(tmp_path)))


def test_an_old_moment_within_a_nested_column_stops_the_read_instead_of_being_another_date(
    tmp_path: Path,
) -> None:
    def with_moments(*moments: datetime) -> Path:
        table = pa.table({"at": pa.array([[moment] for moment in moments], pa.list_(pa.timestamp("us")))})
        pq.write_table(table, tmp_path / "items.parquet", use_deprecated_int96_timestamps=True)
        return tmp_path

    near = [datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(2261, 1, 1)]
    assert read(parquet_reader(str(with_moments(*near)))).rows == [
        {"at": '["1969-12-31 23:59:59.999999000"]'},
        {"at": '["2261-01-01 00:00:00.000000000"]'},
    ]
    with pytest.raises(SourceError, match="column 'at' an INT96 moment outside the years 1677 to 2262"):
        read(parquet_reader(str(with_moments(*near, datetime(9999, 12, 31)))))


def test_an_excluded_column_may_have_any_type(tmp_path: Path) -> None:
    write(tmp_path, id=pa.array([1]), gap=pa.array([5], pa.duration("s")))
    assert read(parquet_reader(str(tmp_path), exclude=("gap",))).rows == [{"id": 1}]


@pytest.mark.parametrize("cut", [0, 3, 200, -1, -9])
def test_a_truncated_file_is_named_before_any_row_is_given(tmp_path: Path, cut: int) -> None:
    write(tmp_path, "a.parquet", id=pa.array(range(1000)))
    whole = write(tmp_path, "b.parquet", id=pa.array(range(1000)))
    whole.write_bytes(whole.read_bytes()[:cut])
    with pytest.raises(SourceError, match=r"b\.parquet is"), parquet_reader(str(tmp_path)).open(Span()):
        pytest.fail("the file was taken for whole")


def test_damage_within_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    table = pa.table({"id": pa.array([number * 7919 % 10_007 for number in range(50_000)])})
    pq.write_table(table, path, compression="zstd", write_page_checksum=True, use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"items\.parquet is damaged"):
        read(parquet_reader(str(tmp_path)))


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "items.parquet").write_text("id\n1\n2\n3\n4\n")
    with pytest.raises(SourceError, match=r"items\.parquet is no whole Parquet file"):
        read(parquet_reader(str(tmp_path)))


def test_a_file_without_rows_gives_its_columns(tmp_path: Path) -> None:
    write(tmp_path, id=pa.array([], pa.int64()))
    found = read(parquet_reader(str(tmp_path)))
    assert found.table.schema.names == ["id"]
    assert found.extracted == 0


def test_a_column_of_a_file_twice_is_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "items.parquet")
    with pytest.raises(SourceError, match="has the column 'a' twice"):
        read(parquet_reader(str(tmp_path)))


def test_a_missing_cursor_column_is_named(tmp_path: Path) -> None:
    write(tmp_path, id=pa.array([1]))
    with pytest.raises(SourceError, match="no column 'at'; it has id"):
        read(parquet_reader(str(tmp_path), cursor="at"))


def test_row_groups_are_read_in_order_and_in_pieces(tmp_path: Path) -> None:
    table = pa.table({"id": range(200_000), "t": ["x" * 100] * 200_000})
    pq.write_table(table, tmp_path / "items.parquet", row_group_size=70_000)
    with parquet_reader(str(tmp_path)).open(Span()) as extraction:
        pieces = [piece.rows for piece in extraction.pieces()]
    assert max(piece.nbytes for piece in pieces) <= 16 * 1024 * 1024
    assert [number for piece in pieces for number in piece.column("id").to_pylist()] == list(range(200_000))


def test_a_span_window_limit_and_sample_count_what_they_leave_out(tmp_path: Path) -> None:
    start = datetime(2013, 7, 1, tzinfo=UTC)
    for name, hours in (("b", range(5, 10)), ("a", range(5))):
        at = pa.array([start + timedelta(hours=hour) for hour in hours], pa.timestamp("us", tz="UTC"))
        write(tmp_path, f"{name}.parquet", id=pa.array(hours), at=at)

    def ids(span: Span | None = None, **fields: Any) -> tuple[list[int], int]:
        found = read(parquet_reader(str(tmp_path), cursor="at", **fields), span)
        return found.table.column("id").to_pylist(), found.discarded

    assert ids() == (list(range(10)), 0)
    assert ids(Span(lower="2013-07-01 03:00:00.000000Z", upper="2013-07-01T06:00:00Z")) == ([3, 4, 5], 7)
    assert ids(window=timedelta(hours=1)) == ([8, 9], 8)
    assert ids(limit=6) == ([0, 1, 2, 3, 4, 5], 4)
    assert ids(limit=5) == ([0, 1, 2, 3, 4], 0)
    few, left_out = ids(sample=0.5)
    assert len(few) + left_out == 10
    assert ids(sample=0.5)[0] == few


def test_any_file_system_that_fsspec_knows_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, id=pa.array([1]))
    fsspec.filesystem("memory").pipe("/lake/items.parquet", path.read_bytes())
    assert read(parquet_reader("memory://lake")).rows == [{"id": 1}]


def test_no_provider_for_a_connection_is_said() -> None:
    from include.headrace.readers.files import find

    with pytest.raises(SourceError, match="install the provider"):
        find("memory://lake", "*.parquet", "some_connection")
