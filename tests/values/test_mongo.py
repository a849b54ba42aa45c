"""Every type of BSON, its extremes, and what no VARIANT holds: equal in RAW, or in quarantine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from include.headrace import extract
from include.headrace.config import MongoSource, MongoTable
from include.headrace.demo.mongo_server import MongoServer
from include.headrace.readers import mongo_documents
from include.headrace.readers.base import Piece, Rejected, Span
from include.headrace.readers.mongo_documents import MongoRows, key_text, record_text
from include.headrace.readers.pieces import split
from include.headrace.session import Session
from tests.support.intake import Intake
from tests.support.mongo import start_mongo
from tests.values.case import Case
from tests.values.landing import by_landing, declared, intake_in, out_of_payload
from tests.values.loading import Aside, Checked, Loaded, check, load
from tests.values.mongo_cases import CASES

RAW_BYTES: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
KEPT = [case for case in CASES if case.given.kept]
GIVEN = [case for case in CASES if not case.given.kept]


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    server = start_mongo(tmp_path_factory.mktemp("values"))
    yield server
    server.stop()


class GivenDocuments:
    """A read of documents that no server of the tests keeps, from where their bytes have arrived."""

    def __init__(self, table: MongoTable, documents: Sequence[bytes]) -> None:
        self._rows = MongoRows(table)
        self._documents = documents
        self.schema: pa.Schema = self._rows.schema

    @contextmanager
    def open(self, span: Span) -> Iterator[GivenDocuments]:
        yield self

    def pieces(self) -> Iterator[Piece]:
        for number, document in enumerate(self._documents, start=1):
            rows, faults = self._rows.convert([document])
            yield from split(rows, faults, partial(self._reject, number))

    def _reject(self, number: int, row: int, reason: str) -> Rejected:
        document = self._documents[number - 1]
        key = key_text(document)
        place = f"document {number}" if key is None else f"_id={key}"
        return Rejected(f"shop.items {place}", reason, record_text(document))


def table_of(cases: Sequence[Case]) -> MongoTable:
    return MongoTable(name="items", primary_key=("_id",), columns=declared(cases))


def documents_of(cases: Sequence[Case]) -> list[bytes]:
    return [one.case.given.document(one.number, one.column) for one in by_landing(cases)]


def number_of(aside: Aside) -> int:
    found = re.fullmatch(r"shop\.items (?:_id=|document )(\d+)", aside.position)
    assert found, aside.position
    return int(found[1])


def held(loaded: Loaded, cases: Sequence[Case]) -> list[Checked]:
    return check(out_of_payload(loaded, cases), cases, number_of, place=by_landing)


def test_every_value_of_mongodb(
    mongo: MongoServer,
    open_session: Callable[[], Session],
    page: Callable[[str, Sequence[Checked]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_MONGO", mongo.connection_json("shop"))
    stored = documents_of(KEPT)
    with mongo.client() as client:
        items = client["shop"].get_collection("items", RAW_BYTES)
        items.insert_many([RawBSONDocument(document) for document in stored])
        kept = cast("list[RawBSONDocument]", list(items.find({}, sort=[("_id", 1)])))
        assert [document.raw for document in kept] == stored

    def source(intake: Intake, table: MongoTable) -> MongoSource:
        return MongoSource(name=intake.name, kind="mongo", connection="shop_mongo", tables=(table,))

    read, told = (intake_in(open_session, tmp_path / name) for name in ("read", "told"))
    # One that is out of the ordinary would have all of its batch done one by one.
    monkeypatch.setattr(mongo_documents, "AT_ONCE", 1)
    table = table_of(KEPT)
    found = held(load(read, source(read, table), table, key="_id"), KEPT)
    table = table_of(GIVEN)
    given = GivenDocuments(table, documents_of(GIVEN))
    monkeypatch.setattr(extract, "reader_for", lambda source, table: given)
    loaded = load(told, source(told, table), table, key="_id")
    found += held(loaded, GIVEN)
    order = {id(case): number for number, case in enumerate(CASES)}
    page("mongo", sorted(found, key=lambda one: order[id(one.case)]))
