"""What spoils a whole file or answer: the read ends with an error that says what and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from include.headrace.config import (
    CsvSource,
    CsvTable,
    GraphqlSource,
    GraphqlTable,
    JsonSource,
    JsonTable,
    RestSource,
    RestTable,
)
from include.headrace.errors import SourceError
from include.headrace.readers import reader_for
from include.headrace.readers.base import Reader
from include.headrace.schema import columns_of
from tests.support.reading import read
from tests.support.scripted_api import Reply, ScriptedApi
from tests.values.case import Case
from tests.values.loading import Checked
from tests.values.refused_cases import CASES
from tests.values.test_payloads import QUERY


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    server = ScriptedApi().start()
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", server.connection())
    yield server
    server.stop()


def reader_of(case: Case, folder: Path, api: ScriptedApi) -> Reader:
    for name, content in case.given.files.items():
        (folder / name).write_bytes(content)
    api.script = [Reply(case.given.answer)]
    fields, location = case.given.fields, str(folder)
    if case.type == "csv":
        csv = CsvTable(name="items", path="*.csv", **fields)
        return reader_for(CsvSource(name="shop", kind="csv", location=location, tables=(csv,)), csv)
    if case.type == "json":
        json = JsonTable(name="items", path="*.json", **fields)
        return reader_for(JsonSource(name="shop", kind="json", location=location, tables=(json,)), json)
    if case.type == "rest":
        rest = RestTable(name="items", path="/items", records="data")
        return reader_for(RestSource(name="shop", kind="rest", connection="shop_api", tables=(rest,)), rest)
    graph = GraphqlTable(name="items", query=QUERY, records="items")
    return reader_for(
        GraphqlSource(name="shop", kind="graphql", connection="shop_api", tables=(graph,)), graph
    )


def test_every_refusal(
    api: ScriptedApi, page: Callable[[str, Sequence[Checked]], None], tmp_path: Path
) -> None:
    checked = []
    for number, case in enumerate(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(SourceError) as error:
            # A load looks at the columns' names too, before it stages anything.
            columns_of(read(reader_of(case, folder, api)).table.schema)
        assert case.expected in str(error.value), case.value
        checked.append(Checked(case, case.expected))
    page("refused", checked)
