"""What answers of REST and GraphQL APIs can hold: equal in RAW, or in quarantine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from include.headrace.config import AnySource, GraphqlSource, GraphqlTable, RestSource, RestTable
from include.headrace.session import Session
from tests.support.scripted_api import Reply, ScriptedApi
from tests.values.case import Case
from tests.values.json_cases import SHARED, document
from tests.values.landing import by_landing, declared, intake_in, out_of_payload
from tests.values.loading import Aside, Checked, check, load
from tests.values.payload_cases import GRAPHQL, REST

QUERY = """
query Items($first: Int!, $after: String) {
  items(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
}
"""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    server = ScriptedApi().start()
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", server.connection())
    yield server
    server.stop()


def number_of(aside: Aside) -> int:
    found = re.fullmatch(r"page 1 record (\d+)", aside.position)
    assert found, aside.position
    return int(found[1])


def records(cases: Sequence[Case]) -> bytes:
    return b"[" + b",\n".join(document(one.case, one.number, one.column) for one in by_landing(cases)) + b"]"


def test_every_value_of_payloads(
    api: ScriptedApi,
    open_session: Callable[[], Session],
    page: Callable[[str, Sequence[Checked]], None],
    tmp_path: Path,
) -> None:
    def loaded(kind: str, cases: Sequence[Case], body: bytes, content_type: str) -> list[Checked]:
        intake = intake_in(open_session, tmp_path / kind)
        api.script = [Reply(body, headers={"Content-Type": content_type})]
        source: AnySource
        if kind == "rest":
            rest = RestTable(
                name="items", path="/items", records="data", primary_key=("id",), columns=declared(cases)
            )
            source = RestSource(name=intake.name, kind="rest", connection="shop_api", tables=(rest,))
            read = load(intake, source, rest)
        else:
            graphql = GraphqlTable(
                name="items", query=QUERY, records="items", primary_key=("id",), columns=declared(cases)
            )
            source = GraphqlSource(name=intake.name, kind="graphql", connection="shop_api", tables=(graphql,))
            read = load(intake, source, graphql)
        assert api.script == []
        return check(out_of_payload(read, cases), cases, number_of, place=by_landing)

    # All that a JSON file may hold within a document, and what only an answer can be.
    cases = [*REST, *SHARED]
    body = b'\xef\xbb\xbf{"data": ' + records(cases) + b"}"
    found = loaded("rest", cases, body, "application/json; charset=utf-8")[: len(REST)]
    nodes = b'{"data": {"items": {"nodes": ' + records(GRAPHQL)
    body = nodes + b', "pageInfo": {"hasNextPage": false, "endCursor": null}}}}'
    found += loaded("graphql", GRAPHQL, body, "application/graphql-response+json")
    page("payloads", found)
