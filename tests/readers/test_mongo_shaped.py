"""Documents of one shape come out as they do one by one, whatever is in them and however broken they are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import bson
import pyarrow as pa
import pytest
from bson import Decimal128, Int64, ObjectId, Regex
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from include.headrace.config import MongoTable
from include.headrace.readers import mongo_shaped
from include.headrace.readers.mongo_documents import MongoRows
from include.headrace.readers.values import Faults

COLUMNS = {
    "a": "VARCHAR",
    "n": {"path": "o.n", "type": "NUMBER(38,5)"},
    "at": "TIMESTAMP_NTZ",
    "day": {"path": "at", "type": "DATE"},
    "f": {"path": "a", "type": "FLOAT"},
}
OID = ObjectId("65920080a5f1b2c3d4e5f607")


def rows(**fields: Any) -> MongoRows:
    return MongoRows(MongoTable(name="items", **{"primary_key": ("_id",), "columns": COLUMNS, **fields}))


def one_by_one(made: MongoRows, documents: Sequence[bytes]) -> tuple[pa.RecordBatch, Faults]:
    texts, wrong = made._one_by_one(documents)
    found, not_converted = made._rows.assembled(texts[:-1], texts[-1])
    return found, {**not_converted, **wrong}


def assert_same(documents: Sequence[bytes]) -> None:
    # Many a value fits no column here, and sets its document aside; without columns, few are.
    for made in (rows(), rows(primary_key=(), columns={})):
        expected, wrong = one_by_one(made, documents)
        found, faults = made.convert(documents)
        assert faults == wrong
        kept = pa.array([row not in faults for row in range(len(documents))])
        assert found.filter(kept).to_pylist() == expected.filter(kept).to_pylist()


@pytest.fixture(autouse=True, scope="module")
def every_shape_counts() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mongo_shaped, "FEWEST", 1)
        yield


texts = st.text(st.characters(codec="utf-8") | st.sampled_from('"\\\n\t\x01\0:{}$'), max_size=5)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.floats(-1e11, 1e11).map(lambda value: round(value, 2))
    | texts
    | st.just(OID)
    | st.integers(-(2**40), 2**48).map(DatetimeMS)
    | st.sampled_from([Decimal128("1.10"), Regex("a"), b"x", 7.0, -0.0, 1e10, 1e-4])
)
names = st.sampled_from(["a", "o", "at", "_id", "n", 'q"\\', "Ünï", "eightltr", "a.b", "$x", ""])
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
documents = st.fixed_dictionaries(
    {"_id": plain, "a": values, "o": st.fixed_dictionaries({"n": plain}) | values},
    optional={"at": plain, "z": values},
)


@settings(deadline=None)
@given(st.lists(documents, min_size=1, max_size=12))
def test_every_document_comes_out_as_by_itself(made: list[dict[str, Any]]) -> None:
    assert_same([bson.encode(one) for one in made])


@settings(deadline=None)
@given(st.lists(documents, min_size=1, max_size=4), st.data())
def test_documents_that_are_broken_come_out_as_by_themselves(
    made: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = [bson.encode(one) for one in made] * 2
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(whole) - 1))
        # Not the length of the whole, by which documents are told apart.
        place = data.draw(st.integers(4, len(whole[number]) - 1))
        byte = data.draw(st.sampled_from([0, 1, 2, 3, 4, 8, 10, 16, 0x22, 0x61, 0xC3, 0xFF]))
        whole[number] = whole[number][:place] + bytes([byte]) + whole[number][place + 1 :]
    assert_same(whole)


def test_documents_of_one_shape_are_not_parsed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rows()

    def refuse(_: Sequence[bytes]) -> Any:
        raise AssertionError("a document was left over")

    def document(number: int) -> dict[str, Any]:
        return {
            "_id": ObjectId(),
            "a": 'a "text"\n' if number % 2 else None,
            "o": {"n": number / 4 if number % 3 else Int64(number)},
            "at": datetime(2024, 1, 1, 6, 30, number % 60, 1000 * (number % 7), UTC),
            "tags": [{"x": True, "y": [number, None]}, "z" * (number % 300)],
        }

    whole = [bson.encode(document(number)) for number in range(500)]
    expected, wrong = one_by_one(made, whole)
    monkeypatch.setattr(made, "_one_by_one", lambda found: refuse(found) if found else None)
    found, faults = made.convert(whole)
    assert faults == wrong
    assert found.column("payload").equals(expected.column("payload"))
    assert found.column("at").equals(expected.column("at"))


def test_a_length_that_lies_reads_nothing_of_the_next_document() -> None:
    good = bson.encode({"_id": 1, "a": "text", "o": {"n": 1}})
    place = good.index(b"text") - 4
    for length in (0, -1, 4, 6, 200, 2**31 - 1):
        broken = good[:place] + struct.pack("<i", length) + good[place + 4 :]
        assert_same([good, broken, good])


def test_names_of_the_same_length_are_told_apart() -> None:
    names = ["plain", "plaim", "qlain", "eightltr", "eightltz", "ninelettr", "ninelettz"]
    assert_same([bson.encode({"_id": number, name: number}) for number, name in enumerate(names * 2)])
