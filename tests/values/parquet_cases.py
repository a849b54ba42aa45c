"""Values of Parquet files at the ends of every type, and what becomes of each."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.values.case import Case, Placed

File = Literal["main", "int96", "far", "plain", "other"]

OPTIONS: dict[File, dict[str, Any]] = {
    "main": {"row_group_size": 16, "write_statistics": False},
    "int96": {"use_deprecated_int96_timestamps": True, "store_schema": False},
    "far": {"use_deprecated_int96_timestamps": True, "row_group_size": 1},
    "plain": {"store_schema": False, "store_decimal_as_integer": True, "use_dictionary": False},
    "other": {"data_page_version": "2.0", "compression": "zstd"},
}
"""How each file is written. Without its schema stored, a file is as programs write it that know nothing of
Arrow."""


@dataclass(frozen=True)
class Given:
    """One value as an array, and the file that it stands in."""

    array: pa.Array
    file: File


def _case(
    kind: pa.DataType,
    value: Any,
    lands: str,
    expected: Any,
    note: str = "",
    *,
    file: File = "main",
    **more: Any,
) -> Case:
    array = value if isinstance(value, pa.Array) else pa.array([value], kind)
    text = more.pop("text", None) or str(value)
    label = more.pop("label", None) or str(kind)
    return Case(label, text, lands, "equal", expected, note, Given(array, file), **more)


def _aside(
    kind: pa.DataType, value: Any, lands: str, reason: str, *, file: File = "main", **more: Any
) -> Case:
    array = value if isinstance(value, pa.Array) else pa.array([value], kind)
    text = more.pop("text", None) or str(value)
    label = more.pop("label", None) or str(kind)
    return Case(label, text, lands, "quarantined", reason, given=Given(array, file), **more)


def _number(value: int, kind: pa.DataType) -> pa.Array:
    """A moment by its number, which Python's own calendar may not have."""
    return pa.array([value], pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(kind)


def _single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


OUTSIDE = "outside the years 1 to 9999"
NS, NS_UTC, US, US_UTC = (
    pa.timestamp("ns"),
    pa.timestamp("ns", "UTC"),
    pa.timestamp("us"),
    pa.timestamp("us", "UTC"),
)
NAN, INFINITE = float("nan"), float("inf")

NUMBERS = [
    _case(pa.bool_(), True, "BOOLEAN", True),
    _case(pa.bool_(), False, "BOOLEAN", False),
    _case(pa.int8(), -128, "NUMBER(3,0)", -128),
    _case(pa.int16(), -32768, "NUMBER(5,0)", -32768),
    _case(pa.int32(), -(2**31), "NUMBER(10,0)", -(2**31)),
    _case(pa.int64(), -(2**63), "NUMBER(19,0)", -(2**63)),
    _case(pa.int64(), 2**63 - 1, "NUMBER(19,0)", 2**63 - 1),
    _case(pa.uint8(), 255, "NUMBER(3,0)", 255),
    _case(pa.uint16(), 65535, "NUMBER(5,0)", 65535),
    _case(pa.uint32(), 2**32 - 1, "NUMBER(10,0)", 2**32 - 1),
    _case(pa.uint64(), 2**64 - 1, "NUMBER(20,0)", 2**64 - 1),
    _case(pa.float16(), np.float16(65504), "FLOAT", 65504.0, text="65504"),
    _case(pa.float16(), np.float16(6e-8), "FLOAT", 2.0**-24, text="5.96e-08"),
    _case(pa.float16(), np.float16("nan"), "FLOAT", NAN, text="nan"),
    _case(pa.float32(), 0.1, "FLOAT", _single(0.1), "The double that equals the single."),
    _case(pa.float32(), 3.4028235e38, "FLOAT", _single(3.4028235e38)),
    _case(pa.float32(), -INFINITE, "FLOAT", -INFINITE),
    _case(pa.float64(), 0.1 + 0.2, "FLOAT", 0.1 + 0.2),
    _case(pa.float64(), 5e-324, "FLOAT", 5e-324),
    _case(pa.float64(), -0.0, "FLOAT", -0.0),
    _case(pa.float64(), NAN, "FLOAT", NAN),
    _case(pa.float64(), INFINITE, "FLOAT", INFINITE),
    _case(pa.decimal128(37, 0), Decimal(-(10**37) + 1), "NUMBER(37,0)", -(10**37) + 1),
    _case(
        pa.decimal128(38, 10),
        Decimal(f"{'9' * 28}.{'9' * 10}"),
        "NUMBER(38,10)",
        Decimal(f"{'9' * 28}.{'9' * 10}"),
    ),
    _case(pa.decimal128(38, 38), Decimal(f"0.{'1' * 38}"), "NUMBER(38,38)", Decimal(f"0.{'1' * 38}")),
    _case(
        pa.decimal128(9, 2),
        Decimal("-9999999.99"),
        "NUMBER(9,2)",
        Decimal("-9999999.99"),
        file="plain",
        label="decimal(9, 2) as INT32",
    ),
    _case(
        pa.decimal128(18, 2),
        Decimal("-9999999999999999.99"),
        "NUMBER(18,2)",
        Decimal("-9999999999999999.99"),
        file="plain",
        label="decimal(18, 2) as INT64",
    ),
    _case(pa.decimal256(60, 1), Decimal("-1.5"), "NUMBER(38,1)", Decimal("-1.5")),
    _aside(pa.decimal256(60, 1), Decimal(f"{'9' * 40}.5"), "NUMBER(38,1)", "is not a NUMBER(38,1)"),
    _aside(pa.decimal256(76, 38), Decimal("1.5"), "NUMBER(38,38)", "is not a NUMBER(38,38)"),
]

TEXTS = [
    _case(pa.string(), "", "VARCHAR", "", "Not NULL.", text="''"),
    _case(pa.string(), "\\N", "VARCHAR", "\\N"),
    _case(pa.string(), "a\tb\r\n\0é 😀 e\u0301", "VARCHAR", "a\tb\r\n\0é 😀 e\u0301"),
    _case(pa.string(), "é" * 2**20, "VARCHAR", "é" * 2**20, text="'é' * 2**20"),
    _case(pa.large_string(), "x", "VARCHAR", "x"),
    _case(pa.string_view(), "longer than twelve bytes", "VARCHAR", "longer than twelve bytes"),
    _case(
        pa.dictionary(pa.int8(), pa.string()), pa.array(["é"]).dictionary_encode(), "VARCHAR", "é", text="é"
    ),
    _case(pa.binary(), b"", "BINARY", bytearray(), text="b''"),
    _case(pa.binary(), b"\x00\xc3\x28\xff", "BINARY", bytearray(b"\x00\xc3\x28\xff")),
    _case(pa.large_binary(), b"\xff", "BINARY", bytearray(b"\xff")),
    _case(pa.binary_view(), bytes(range(256)), "BINARY", bytearray(range(256))),
    _case(pa.binary(2), b"a\x00", "BINARY", bytearray(b"a\x00")),
    _aside(
        pa.string(),
        pa.array([b"\xc3\x28"]).view(pa.string()),
        "VARCHAR",
        "is not a VARCHAR",
        text="b'\\xc3\\x28'",
    ),
    _case(
        pa.uuid(),
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([UUID(int=5).bytes], pa.binary(16))),
        "VARCHAR",
        "00000000-0000-0000-0000-000000000005",
        text="UUID(int=5)",
        label="UUID",
    ),
    _case(pa.null(), None, "VARCHAR", None),
]

TIMES = [
    _case(pa.date32(), date(1, 1, 1), "DATE", date(1, 1, 1)),
    _case(pa.date32(), date(9999, 12, 31), "DATE", date(9999, 12, 31)),
    _aside(pa.date32(), _number(2_932_897, pa.date32()), "DATE", OUTSIDE, text="10000-01-01"),
    _aside(pa.date32(), _number(-719_163, pa.date32()), "DATE", OUTSIDE, text="0000-12-31"),
    _case(pa.date64(), date(2013, 1, 2), "DATE", date(2013, 1, 2)),
    _case(pa.time32("s"), time(23, 59, 59), "TIME(6)", time(23, 59, 59)),
    _case(pa.time32("ms"), time(23, 59, 59, 999_000), "TIME(6)", time(23, 59, 59, 999_000)),
    _case(pa.time64("us"), time(23, 59, 59, 999_999), "TIME(6)", time(23, 59, 59, 999_999)),
    _aside(
        pa.time64("us"),
        _number(86_400_000_000, pa.time64("us")),
        "TIME(6)",
        "is no time of a day",
        text="24:00",
    ),
    _case(
        pa.time64("ns"),
        _number(86_399_999_999_999, pa.time64("ns")),
        "TIME(9)",
        "23:59:59.999999999",
        text="23:59:59.999999999",
        seen_in="staged",
    ),
    _case(pa.timestamp("s"), datetime(1, 1, 1), "TIMESTAMP_NTZ(6)", datetime(1, 1, 1)),
    _aside(
        pa.timestamp("s"),
        _number(253_402_300_800, pa.timestamp("s")),
        "TIMESTAMP_NTZ(6)",
        OUTSIDE,
        text="10000-01-01",
    ),
    _case(
        pa.timestamp("ms"),
        datetime(1969, 12, 31, 23, 59, 59, 999_000),
        "TIMESTAMP_NTZ(6)",
        datetime(1969, 12, 31, 23, 59, 59, 999_000),
    ),
    _aside(
        pa.timestamp("ms"),
        _number(2**60, pa.timestamp("ms")),
        "TIMESTAMP_NTZ(6)",
        "is not a TIMESTAMP_NTZ(6)",
        text="2**60 ms",
    ),
    _case(
        US,
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
        "TIMESTAMP_NTZ(6)",
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ),
    _aside(US, _number(2**62, US), "TIMESTAMP_NTZ(6)", OUTSIDE, text="2**62 us"),
    _case(
        NS,
        _number(1_357_095_845_123_456_000, NS),
        "TIMESTAMP_NTZ(9)",
        datetime(2013, 1, 2, 3, 4, 5, 123_456),
        text="2013-01-02 03:04:05.123456000",
    ),
    _case(
        NS,
        _number(-1, NS),
        "TIMESTAMP_NTZ(9)",
        "1969-12-31 23:59:59.999999999",
        text="1969-12-31 23:59:59.999999999",
        seen_in="staged",
    ),
    _case(
        NS,
        _number(2**63 - 2, NS),
        "TIMESTAMP_NTZ(9)",
        "2262-04-11 23:47:16.854775806",
        text="2262-04-11 23:47:16.854775806",
        seen_in="staged",
    ),
    _case(
        pa.timestamp("us", "America/New_York"),
        datetime(2013, 11, 3, 5, 30, 0, 1, UTC),
        "TIMESTAMP_TZ(6)",
        datetime(2013, 11, 3, 5, 30, 0, 1, UTC),
        "The instant, in UTC: the file keeps no offset of each.",
    ),
    _case(US_UTC, datetime(1, 1, 1, tzinfo=UTC), "TIMESTAMP_TZ(6)", datetime(1, 1, 1, tzinfo=UTC)),
    _case(
        NS_UTC,
        _number(1_357_095_845_123_456_789, NS_UTC),
        "TIMESTAMP_TZ(9)",
        "2013-01-02 03:04:05.123456789Z",
        text="2013-01-02 03:04:05.123456789",
        seen_in="staged",
    ),
    _case(
        NS,
        _number(1_357_095_845_123_456_789, NS),
        "TIMESTAMP_NTZ(9)",
        "2013-01-02 03:04:05.123456789",
        file="int96",
        text="2013-01-02 03:04:05.123456789",
        label="INT96",
        seen_in="staged",
    ),
    _case(
        NS,
        _number(-1_000, NS),
        "TIMESTAMP_NTZ(9)",
        datetime(1969, 12, 31, 23, 59, 59, 999_999),
        file="int96",
        text="1969-12-31 23:59:59.999999",
        label="INT96",
    ),
    _aside(
        US,
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
        "TIMESTAMP_NTZ(9)",
        "'9999-12-31 23:59:59.999999000' is not a TIMESTAMP_NTZ(9)",
        file="far",
        label="INT96",
    ),
    _aside(
        US,
        datetime(1, 1, 1),
        "TIMESTAMP_NTZ(9)",
        "'0001-01-01 00:00:00.000000000' is not a TIMESTAMP_NTZ(9)",
        file="far",
        label="INT96",
    ),
    _case(
        pa.list_(NS),
        pa.ListArray.from_arrays([0, 2], pa.array([1, None], pa.int64()).cast(NS)),
        "VARIANT",
        '["1970-01-01 00:00:00.000000001", null]',
        file="int96",
        text="[1 ns after 1970, None]",
        label="list<INT96>",
    ),
]

STRUCT = pa.struct([("a b", pa.int64()), ("n", pa.decimal128(30, 3)), ("at", NS), ("raw", pa.binary())])
NAMES = pa.struct([("x", pa.int8()), ("x", pa.int8())])
TO_NUMBERS = pa.map_(pa.string(), pa.int32())

NESTED = [
    _case(
        STRUCT,
        {"a b": 2**63 - 1, "n": Decimal("123456789012345678901234567.125"), "at": None, "raw": b"\x00\xff"},
        "VARIANT",
        '{"a b": 9223372036854775807, "n": 123456789012345678901234567.125, "at": null, "raw": "00FF"}',
        "Bytes in hexadecimal, as Snowflake writes them.",
    ),
    _case(
        STRUCT,
        pa.StructArray.from_arrays(
            [pa.array([None], field.type) if field.name != "at" else _number(1, NS) for field in STRUCT],
            fields=list(STRUCT),
        ),
        "VARIANT",
        '{"a b": null, "n": null, "at": "1970-01-01 00:00:00.000000001", "raw": null}',
        text="{'at': 1 ns after 1970}",
    ),
    _aside(
        NAMES,
        pa.StructArray.from_arrays([pa.array([1], pa.int8())] * 2, fields=list(NAMES)),
        "VARIANT",
        "the key 'x' occurs twice",
        text="{'x': 1, 'x': 1}",
    ),
    _case(pa.list_(pa.string()), ["x", None, "", 'q"é'], "VARIANT", '["x", null, "", "q\\"é"]'),
    _case(pa.list_(pa.string()), [], "VARIANT", "[]"),
    _case(pa.large_list(pa.uint64()), [2**64 - 1], "VARIANT", "[18446744073709551615]"),
    _case(pa.list_(pa.int8(), 2), [1, -1], "VARIANT", "[1, -1]"),
    _case(pa.list_(pa.float64()), [0.1, 1e300], "VARIANT", "[0.1, 1e300]"),
    _aside(
        pa.list_(pa.string()),
        pa.ListArray.from_arrays([0, 1], pa.array([b"\xc3\x28"]).view(pa.string())),
        "VARIANT",
        "it holds text that is not UTF-8",
        text="[b'\\xc3\\x28']",
    ),
    _aside(pa.list_(pa.float64()), [NAN], "VARIANT", "NaN is not JSON"),
    _aside(pa.list_(pa.float64()), [-INFINITE], "VARIANT", "-Infinity is not JSON"),
    _aside(pa.list_(pa.decimal256(50, 0)), [Decimal("1" + "2" * 49)], "VARIANT", "would be rounded"),
    _case(pa.list_(pa.date32()), [date(1, 1, 1)], "VARIANT", '["0001-01-01"]'),
    _case(TO_NUMBERS, [("k", 1), ("é", None)], "VARIANT", '{"k": 1, "é": null}'),
    _aside(TO_NUMBERS, [("k", 1), ("k", 2)], "VARIANT", "the key 'k' occurs twice"),
    _case(
        pa.map_(pa.int32(), pa.bool_()),
        [(1, True)],
        "VARIANT",
        '[{"key": 1, "value": true}]',
        "Keys that are no text.",
    ),
    _case(
        pa.list_(pa.struct([("m", pa.map_(pa.string(), pa.list_(pa.int8())))])),
        [{"m": [("k", [1, None])]}, None],
        "VARIANT",
        '[{"m": {"k": [1, null]}}, null]',
    ),
    _case(pa.json_(), '{"a": 1.10}', "VARIANT", '{"a": 1.1}', label="JSON"),
    _aside(pa.json_(), "[1e400]", "VARIANT", "would be rounded", label="JSON"),
    _aside(pa.json_(), "{", "VARIANT", "it is not JSON", label="JSON"),
]

JOINED = [
    _case(pa.int16(), -5, "NUMBER(19,0)", -5, label="int16, and int64 in another file"),
    _case(
        pa.int64(),
        2**63 - 1,
        "NUMBER(19,0)",
        2**63 - 1,
        file="other",
        label="int16, and int64 in another file",
    ),
    _case(pa.uint8(), 255, "NUMBER(5,0)", 255, label="uint8, and int8 in another file"),
    _case(pa.int8(), -1, "NUMBER(5,0)", -1, file="other", label="uint8, and int8 in another file"),
    _case(
        pa.decimal128(5, 1), Decimal("1.5"), "NUMBER(7,3)", Decimal("1.500"), label="decimals of two files"
    ),
    _case(
        pa.decimal128(4, 3),
        Decimal("0.123"),
        "NUMBER(7,3)",
        Decimal("0.123"),
        file="other",
        label="decimals of two files",
    ),
    _case(pa.null(), None, "VARCHAR", None, label="null, and string in another file"),
    _case(pa.string(), "x", "VARCHAR", "x", file="other", label="null, and string in another file"),
    _aside(
        US,
        datetime(9999, 1, 1),
        "TIMESTAMP_NTZ(9)",
        "is not a TIMESTAMP_NTZ(9)",
        label="timestamp[us], and [ns] in another file",
    ),
    _case(
        NS,
        _number(2_000, NS),
        "TIMESTAMP_NTZ(9)",
        datetime(1970, 1, 1, 0, 0, 0, 2),
        file="other",
        text="2000 ns after 1970",
        label="timestamp[us], and [ns] in another file",
    ),
]

CASES = [*NUMBERS, *TEXTS, *TIMES, *NESTED, *JOINED]


def write(folder: Path, places: Sequence[Placed]) -> None:
    """The files of the cases: each has a row a case of its own, and the columns of its cases' types."""
    for file, options in OPTIONS.items():
        rows = [place for place in places if place.case.given.file == file]
        columns: dict[str, list[pa.Array]] = {}
        for row, place in enumerate(rows):
            array = place.case.given.array
            chunks = columns.setdefault(place.column, [])
            chunks.append(pa.nulls(row - sum(map(len, chunks)), array.type))
            chunks.append(array)
        for chunks in columns.values():
            chunks.append(pa.nulls(len(rows) - sum(map(len, chunks)), chunks[-1].type))
        table = pa.table(
            {
                "id": pa.array([place.number for place in rows]),
                **{name: pa.chunked_array(chunks) for name, chunks in columns.items()},
            }
        )
        pq.write_table(table, folder / f"{file}.parquet", **options)


def number_in(record: str) -> int:
    """The row's number in a record of quarantine."""
    return int(json.loads(record)["id"])
