"""What becomes of every kind of value that a document of MongoDB can hold."""

from __future__ import annotations

import json
import struct
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from pymongo.collection import Collection

from include.headrace.config import MongoTable
from include.headrace.readers.mongo_documents import AT_ONCE, MongoRows
from tests.support.mongo import read_mongo

Items = Collection[dict[str, Any]]

OID = ObjectId("65920080a5f1b2c3d4e5f607")
UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
LAST = datetime(9999, 12, 31, 23, 59, 59, 999000)
MOMENT = datetime(2024, 1, 1, 6, 30, 0, 123000, UTC)

KINDS: list[tuple[Any, str, str | None]] = [
    # The value, its relaxed Extended JSON (v2, MongoDB's specification), and its text in a VARCHAR column.
    (None, "null", None),
    (True, "true", "true"),
    (7, "7", "7"),
    (Int64(2**62 + 1), "4611686018427387905", "4611686018427387905"),
    (39.02, "39.02", "39.02"),
    (7.0, "7.0", "7.0"),
    (-0.0, "-0.0", "-0.0"),
    (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
    (5e-324, "5e-324", "5e-324"),
    (float("nan"), '{"$numberDouble":"NaN"}', "NaN"),
    (float("-inf"), '{"$numberDouble":"-Infinity"}', "-Infinity"),
    (Decimal128("1.10"), '{"$numberDecimal":"1.10"}', "1.10"),
    (Decimal128("1E+400"), '{"$numberDecimal":"1E+400"}', "1E+400"),
    ("text \"'\\ /\n\u2028 Ünï 🚲", '"text \\"\'\\\\ /\\n\u2028 Ünï 🚲"', "text \"'\\ /\n\u2028 Ünï 🚲"),
    ("", '""', ""),
    ("null", '"null"', "null"),
    ("\\u0000", '"\\\\u0000"', "\\u0000"),
    (OID, '{"$oid":"65920080a5f1b2c3d4e5f607"}', "65920080a5f1b2c3d4e5f607"),
    (MOMENT, '{"$date":"2024-01-01T06:30:00.123Z"}', "2024-01-01T06:30:00.123Z"),
    (DatetimeMS(-1), '{"$date":{"$numberLong":"-1"}}', "1969-12-31T23:59:59.999Z"),
    (DatetimeMS(-86_400_000), '{"$date":{"$numberLong":"-86400000"}}', "1969-12-31T00:00:00Z"),
    (b"\x00\xff", '{"$binary":{"base64":"AP8=","subType":"00"}}', "00ff"),
    (
        Binary.from_uuid(UUID),
        '{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}',
        "00112233-4455-6677-8899-aabbccddeeff",
    ),
    (
        Binary(UUID.bytes, 3),
        '{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"03"}}',
        "00112233445566778899aabbccddeeff",
    ),
]

OBJECTS: list[tuple[Any, str]] = [
    ({"a": {"b": []}}, '{"a":{"b":[]}}'),
    ({"$oid": "x", "b": 1}, '{"$oid":"x","b":1}'),
    (Timestamp(1_704_090_600, 7), '{"$timestamp":{"t":1704090600,"i":7}}'),
    (Regex("a/b", "i"), '{"$regularExpression":{"pattern":"a/b","options":"i"}}'),
    (Code("f()"), '{"$code":"f()"}'),
    (Code("f()", {"x": 1}), '{"$code":"f()","$scope":{"x":1}}'),
    (DBRef("other", 1), '{"$ref":"other","$id":1}'),
    (MinKey(), '{"$minKey":1}'),
    (MaxKey(), '{"$maxKey":1}'),
]


def test_every_kind_of_value_lands_in_the_payload_and_as_text(collection: Items) -> None:
    collection.insert_many([{"_id": number, "v": value} for number, (value, _, _) in enumerate(KINDS)])
    found = read_mongo(primary_key=("_id",), columns={"v": "VARCHAR"})
    assert found.rejected == []
    assert found.landing("payload") == "VARIANT"
    by_id = {row["_id"]: row for row in found.rows}
    assert len(by_id) == len(KINDS)
    for number, (_, extended, text) in enumerate(KINDS):
        assert by_id[str(number)]["payload"] == f'{{"_id":{number},"v":{extended}}}'
        assert by_id[str(number)]["v"] == text


def test_what_json_has_no_word_for_is_an_object(collection: Items) -> None:
    collection.insert_many([{"_id": number, "v": value} for number, (value, _) in enumerate(OBJECTS)])
    found = read_mongo(columns={"v": "VARIANT"})
    assert {row["payload"]: row["v"] for row in found.rows} == {
        f'{{"_id":{number},"v":{extended}}}': extended for number, (_, extended) in enumerate(OBJECTS)
    }
    told = read_mongo(columns={"v": "VARCHAR"})
    assert told.table.num_rows == 0
    assert {one.reason for one in told.rejected} == {
        "v: holds an object; give the column the type VARIANT, or a path below it"
    }


def test_lists_stay_as_they_are(collection: Items) -> None:
    collection.insert_one({"_id": 1, "v": [1, [2.5, [None]], {"at": MOMENT}], "e": []})
    [row] = read_mongo(columns={"v": "VARIANT"}).rows
    assert row["v"] == '[1,[2.5,[null]],{"at":{"$date":"2024-01-01T06:30:00.123Z"}}]'
    assert row["payload"] == f'{{"_id":1,"v":{row["v"]},"e":[]}}'
    [told] = read_mongo(columns={"v": "VARCHAR"}).rejected
    assert told.reason == "v: holds a list; give the column the type VARIANT, or a path below it"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (MOMENT, "TIMESTAMP_TZ", MOMENT),
        (MOMENT, "TIMESTAMP_NTZ", MOMENT.replace(tzinfo=None)),
        (datetime(2024, 1, 1), "DATE", date(2024, 1, 1)),
        (datetime(1600, 2, 29), "DATE", date(1600, 2, 29)),
        (DatetimeMS(-1), "TIMESTAMP_TZ", datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)),
        (
            datetime(9999, 12, 31, 23, 59, 59, 999000),
            "TIMESTAMP_NTZ",
            datetime(9999, 12, 31, 23, 59, 59, 999000),
        ),
        (datetime(1, 1, 1), "TIMESTAMP_NTZ", datetime(1, 1, 1)),
        ("2024-01-01T06:30:00.123Z", "TIMESTAMP_TZ", MOMENT),
        (Timestamp(1_704_090_600, 7), "TIMESTAMP_TZ", datetime(2024, 1, 1, 6, 30, tzinfo=UTC)),
        (39.02, "NUMBER(10,2)", Decimal("39.02")),
        (Int64(2**63 - 1), "NUMBER(19,0)", Decimal(2**63 - 1)),
        (7.0, "NUMBER(3,0)", Decimal(7)),
        (Decimal128("-0.10"), "NUMBER(5,2)", Decimal("-0.10")),
        (Decimal128("1E+3"), "NUMBER(5,0)", Decimal(1000)),
        (1e15, "NUMBER(38,0)", Decimal(10**15)),
        (float("inf"), "FLOAT", float("inf")),
        (Decimal128("1.10"), "FLOAT", 1.1),
        (False, "BOOLEAN", False),
        (b"\x00\xff", "BINARY", b"\x00\xff"),
        (Binary.from_uuid(UUID), "BINARY", UUID.bytes),
        (None, "TIMESTAMP_TZ", None),
    ],
)
def test_a_column_has_its_declared_type(collection: Items, value: Any, kind: str, expected: Any) -> None:
    collection.insert_one({"_id": 1, "a": {"b": value}})
    found = read_mongo(columns={"v": {"path": "a.b", "type": kind}})
    assert found.rejected == []
    assert found.rows[0]["v"] == expected


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ("many", "NUMBER(10,0)", "v: 'many' is not a NUMBER(10,0)"),
        (39.02, "NUMBER(10,0)", "v: '39.02' is not a NUMBER(10,0)"),
        (10**10, "NUMBER(10,0)", "v: '10000000000' is not a NUMBER(10,0)"),
        (Decimal128("NaN"), "NUMBER(10,0)", "v: 'NaN' is not a NUMBER(10,0)"),
        (Decimal128("1E+400"), "NUMBER(38,0)", "v: '1E+400' is not a NUMBER(38,0)"),
        (MOMENT, "NUMBER(38,0)", "v: '2024-01-01T06:30:00.123Z' is not a NUMBER(38,0)"),
        (MOMENT, "DATE", "v: '2024-01-01T06:30:00.123Z' is not a DATE"),
        (7, "TIMESTAMP_TZ", "v: '7' is not a TIMESTAMP_TZ(6)"),
        ("maybe", "BOOLEAN", "v: 'maybe' is not a BOOLEAN"),
        (Timestamp(1, 2), "NUMBER(10,0)", "v: holds an object"),
        (b"x", "NUMBER(10,0)", "v: holds an object"),
        (ObjectId("1" * 24), "NUMBER(38,0)", "v: holds an object"),
    ],
)
def test_a_value_of_another_type_is_set_aside_and_the_others_land(
    collection: Items, value: Any, kind: str, says: str
) -> None:
    collection.insert_many([{"_id": 1, "v": None}, {"_id": "odd", "v": value}, {"_id": 3}])
    found = read_mongo(columns={"v": kind})
    assert sorted(row["payload"] for row in found.rows) == ['{"_id":1,"v":null}', '{"_id":3}']
    [told] = found.rejected
    assert told.position == "shop.items _id=odd"
    assert told.reason.startswith(says)
    assert json.loads(told.record)["_id"] == "odd"


def test_a_document_without_a_key_is_set_aside(collection: Items) -> None:
    collection.insert_many([{"_id": OID, "code": None}, {"_id": {"a": 1}, "code": "x"}])
    found = read_mongo(primary_key=("code",))
    assert [row["code"] for row in found.rows] == ["x"]
    assert [(one.position, one.reason) for one in found.rejected] == [
        (f"shop.items _id={OID}", "code: the key has no value")
    ]
    told = read_mongo(primary_key=("_id",))
    assert [one.position for one in told.rejected] == ['shop.items _id={"a":1}']
    composed = read_mongo(primary_key=("a",), columns={"a": {"path": "_id.a"}})
    assert [row["a"] for row in composed.rows] == ["1"]


def element(kind: int, name: bytes, value: bytes) -> bytes:
    return bytes([kind]) + name + b"\0" + value


def document(*elements: bytes) -> bytes:
    """BSON put together by hand (bsonspec.org), as no driver would write it."""
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


ID = element(0x10, b"_id", struct.pack("<i", 7))


def text(value: bytes) -> bytes:
    return struct.pack("<i", len(value) + 1) + value + b"\0"


def date_of(milliseconds: int) -> bytes:
    return element(0x09, b"v", struct.pack("<q", milliseconds))


BROKEN = [
    (document(ID, element(0x10, b"a", bytes(4)), element(0x0A, b"a", b"")), "the key 'a' occurs twice"),
    (
        document(
            ID,
            element(0x01, b"n", struct.pack("<d", 1e-7)),
            element(0x03, b"o", document(element(0x0A, b"x:", b""), element(0x02, b"x:", text(b":")))),
        ),
        "the key 'x:' occurs twice",
    ),
    (document(ID, element(0x02, b"t", text(b"a\0b"))), "\\u0000 has no place in a VARIANT"),
    (
        document(ID, element(0x02, b"t", text(b"\xff\xfe"))),
        "it is no valid BSON; a text in it may not be UTF-8",
    ),
    (document(ID, element(0x02, b"t", text(b"\xed\xa0\x80"))), "it is no valid BSON"),
    (document(ID, date_of(253_402_300_800_000)), "v: '10000-01-01T00:00:00Z' is not a TIMESTAMP_TZ"),
    (document(ID, date_of(2**63 - 1)), "v: '292278994-08-17T07:12:55.807Z' is not a TIMESTAMP_TZ"),
    (document(ID, date_of(-62_135_596_800_001)), "v: '0001-12-31 23:59:59.999000 BC' is not a TIMESTAMP_TZ"),
]


@pytest.mark.parametrize(("broken", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_what_no_variant_can_hold_is_set_aside_alone(broken: bytes, says: str) -> None:
    rows = MongoRows(MongoTable(name="items", primary_key=("_id",), columns={"v": "TIMESTAMP_TZ"}))
    good = [bson.encode({"_id": number, "t": 'a ":" : {}', "n": [1e-7, 39.02]}) for number in range(AT_ONCE)]
    documents = [*good, good[0], broken, *good]
    found, faults = rows.convert(documents)
    assert list(faults) == [AT_ONCE + 1]
    assert says in faults[AT_ONCE + 1]
    assert found.num_rows == len(documents)
    expected = '{"_id":0,"t":"a \\":\\" : {}","n":[1e-7,39.02]}'
    assert found.column("payload")[AT_ONCE].as_py() == expected
    assert found.column("payload")[AT_ONCE + 2].as_py() == expected
    assert found.column("_id").to_pylist()[-1] == str(AT_ONCE - 1)


def test_deprecated_kinds_and_depth() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    pointer = element(0x0C, b"p", text(b"other") + OID.binary)
    rows, faults = MongoRows(MongoTable(name="items", columns={"s": "VARCHAR", "u": "VARCHAR"})).convert(
        [
            document(ID, element(0x06, b"u", b""), element(0x0E, b"s", text(b"symbol")), pointer),
            bson.encode({"_id": 8, "deep": deep}),
        ]
    )
    assert faults == {}
    assert rows.column("s").to_pylist() == ["symbol", None]
    assert rows.column("u").to_pylist() == [None, None]
    assert json.loads(rows.column("payload")[0].as_py())["p"] == {
        "$dbPointer": {"$ref": "other", "$id": {"$oid": str(OID)}}
    }
    assert rows.column("payload")[1].as_py().count("{") == 102


def test_names_that_look_like_something_else(collection: Items) -> None:
    collection.insert_one({"_id": 1, "a:b": 1, "Ünï": 2, "x y": {"select": 3}})
    found = read_mongo(columns={"a:b": "NUMBER(5,0)", "Ünï": "VARCHAR", "s": {"path": "x y.select"}})
    assert found.rows == [
        {"a:b": Decimal(1), "Ünï": "2", "s": "3", "payload": '{"_id":1,"a:b":1,"Ünï":2,"x y":{"select":3}}'}
    ]
