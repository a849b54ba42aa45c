"""GraphQL answers of every shape: records kept to the letter, what is no page told, secrets hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from include.headrace.config import GraphqlSource, GraphqlTable
from include.headrace.errors import ConfigError, PassingError, SourceError
from include.headrace.readers.graphql import GraphqlReader
from include.headrace.readers.http_retry import Patience
from tests.support.clock import HandClock
from tests.support.reading import Read, read
from tests.support.scripted_api import Reply, ScriptedApi

ReadTable = Callable[..., Read]

QUERY = """
query Orders($first: Int!, $after: String) {
  shop { orders(first: $first, after: $after) {
    edges { node { id total } } pageInfo { hasNextPage endCursor }
  } }
}
"""
BEARER = {"type": "bearer"}


@pytest.fixture
def api(api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> ScriptedApi:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(password="hunter2"))
    return api


@pytest.fixture
def read_orders(api: ScriptedApi) -> ReadTable:
    """Read the connection shop.orders."""

    def run(clock: HandClock | None = None, **fields: Any) -> Read:
        settings = {"query": QUERY, "records": "shop.orders", "columns": {"id": "NUMBER(19,0)"}, **fields}
        table = GraphqlTable(name="orders", **settings)
        source = GraphqlSource(
            name="shop", kind="graphql", connection="shop_api", auth=BEARER, tables=(table,)
        )
        return read(GraphqlReader(source, table, patience=Patience(tries=3), clock=clock or HandClock()))

    return run


def page(connection: str, end: str | None = None) -> Reply:
    """A page whose connection has these fields beside its pageInfo; ``end`` says that there is more."""
    info = json.dumps({"hasNextPage": end is not None, "endCursor": end})
    return Reply(f'{{"data": {{"shop": {{"orders": {{{connection}, "pageInfo": {info}}}}}}}}}'.encode())


def edges(*nodes: str) -> str:
    return f'"edges": [{", ".join(f"""{{"cursor": "c", "node": {node}}}""" for node in nodes)}]'


def sent(api: ScriptedApi) -> list[dict[str, Any]]:
    return [json.loads(asked.body)["variables"] for asked in api.asked]


def test_records_are_kept_to_the_letter(api: ScriptedApi, read_orders: ReadTable) -> None:
    texts = [
        '{ "id":1,  "total": 1.10 }',
        '{"id": 2, "total": 123456789012345678901234567890}',
        '{"id": 3, "total": "\\u00e9 \\"}], ["}',
    ]
    api.script = [page(edges(*texts[:2]), "one"), page(edges(texts[2]))]
    found = read_orders(size=2)
    assert [row["payload"] for row in found.rows] == texts
    assert [int(row["id"]) for row in found.rows] == [1, 2, 3]
    assert sent(api) == [{"first": 2}, {"first": 2, "after": "one"}]
    assert [asked.method + asked.path for asked in api.asked] == ["POST/graphql"] * 2


def test_nodes_will_do_in_place_of_edges(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [page('"nodes": [{"id": 1}, {"id": 2}]', ""), page('"edges": [], "nodes": [{"id": 3}]')]
    assert [int(row["id"]) for row in read_orders().rows] == [1, 2, 3]
    assert sent(api)[1]["after"] == ""


def test_what_is_no_record_is_set_aside_with_its_place(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [
        page(edges('{"id": 1}', "null"), "one"),
        page('"edges": []', "two"),
        page('"edges": [null, {"node": {"id": "many"}}, {"node": {"id": 5}}]'),
    ]
    found = read_orders(primary_key=("id",))
    assert [int(row["id"]) for row in found.rows] == [1, 5]
    assert [(one.position, one.record) for one in found.rejected] == [
        ("page 1 record 2", "null"),
        ("page 3 record 1", "null"),
        ("page 3 record 2", '{"id": "many"}'),
    ]


def test_a_large_page_is_parted_and_keeps_its_places(api: ScriptedApi, read_orders: ReadTable) -> None:
    text = json.dumps({"id": 1, "note": "x" * 1_000_000})
    api.script = [page(edges(*[text] * 9, "null", text, "7"), "one"), page(edges(text, "8"))]
    found = read_orders()
    assert found.table.num_rows == 11
    assert [one.position for one in found.rejected] == [
        "page 1 record 10",
        "page 1 record 12",
        "page 2 record 2",
    ]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"data": null}', "gives nothing at `data.shop.orders.edges`.*`data` is 'null'"),
        ('{"data": {"shop": null}}', "`data.shop` is 'null'"),
        ('{"data": {"shop": {"orders": null}}}', "`data.shop.orders` is 'null'"),
        ('{"data": {"shop": {"orders": [{"id": 1}]}}}', "`data.shop.orders` is a list"),
        ('{"data": {"store": {}}}', "`data` is an object of 'store'"),
        ('{"data": {"shop": {"orders": {"items": []}}}}', "is an object of 'items'"),
        ('{"data": {"shop": {"orders": {"edges": 3}}}}', "no list at `data.shop.orders.edges`, but '3'"),
        ('{"data": {"shop": {"orders": {"edges": []}}}}', "no pageInfo"),
        (
            '{"data": {"shop": {"orders": {"edges": [], "pageInfo": {"endCursor": "x"}}}}}',
            "missing required field `hasNextPage`",
        ),
        (
            '{"data": {"shop": {"orders": {"edges": [], "pageInfo": {"hasNextPage": "no"}}}}}',
            "`bool`, got `str`",
        ),
        (
            '{"data": {"shop": {"orders": {"edges": [{"id": 1}], "pageInfo": {"hasNextPage": false}}}}}',
            "an edge without a node",
        ),
        ("[]", "the answer is a list"),
        ("{}", "an object without fields"),
        ('{"errors": [], "data": null}', "`data` is 'null'"),
    ],
)
def test_an_answer_that_is_no_page_is_told(
    api: ScriptedApi, read_orders: ReadTable, body: str, told: str
) -> None:
    api.script = [Reply(body.encode())]
    with pytest.raises(SourceError, match=told):
        read_orders()


def test_no_answer_at_all_is_told(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [Reply(status=204)]
    with pytest.raises(SourceError, match="answered with data"):
        read_orders()


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([{"message": "No such field."}], "1 error: 'No such field.'"),
        ([{"message": "a", "path": ["shop", 0, "x"]}, {"message": "b"}], "2 errors: 'a' at shop.0.x; 'b'"),
        ([{"message": "a"}] * 5, "'a'; 'a'; 'a'; and 2 more"),
        ([{"message": "Not yours.", "extensions": {"code": "FORBIDDEN"}}], "FORBIDDEN"),
        (["only text"], "'only text'"),
        ("out of order", "'out of order'"),
        ([{"message": "x" * 5000}], "x{300}\\.\\.\\.'"),
        ([{"message": "busy", "extensions": {"code": "THROTTLED"}}, {"message": "wrong"}], "'wrong'"),
    ],
)
@pytest.mark.parametrize("beside_data", [True, False])
def test_errors_in_a_good_answer_fail_the_read(
    api: ScriptedApi, read_orders: ReadTable, errors: Any, told: str, beside_data: bool
) -> None:
    good = json.loads(page(edges('{"id": 1}')).content)
    api.script = [Reply({**(good if beside_data else {"data": None}), "errors": errors})]
    with pytest.raises(SourceError, match=told):
        read_orders()
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"message": "slow down", "extensions": {"code": "THROTTLED"}},
        {"message": "slow down", "type": "RATE_LIMITED"},
        {"message": "oh no", "extensions": {"code": "INTERNAL_SERVER_ERROR"}},
    ],
)
def test_errors_that_may_pass_are_waited_for(
    api: ScriptedApi, read_orders: ReadTable, error: dict[str, Any]
) -> None:
    busy = Reply({"errors": [error]}, headers={"Retry-After": "9"})
    api.script = [busy, page(edges('{"id": 1}'))]
    clock = HandClock()
    assert read_orders(clock).table.num_rows == 1
    assert clock.slept == [9.5]
    api.script = [busy] * 3
    with pytest.raises(PassingError, match="tried 3 times"):
        read_orders()


def test_cursors_that_go_round_in_a_circle_are_noticed(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [page(edges('{"id": 1}'), cursor) for cursor in "ab" + "cdefg" * 5]
    with pytest.raises(SourceError, match=r"endCursor '[cdefg]' a second time"):
        read_orders()
    assert api.script


def test_empty_pages_without_end_are_noticed(api: ScriptedApi, read_orders: ReadTable) -> None:
    numbers = iter(range(10_000))
    api.handler = lambda asked: page(edges(), str(next(numbers)))
    with pytest.raises(SourceError, match="1001 pages in a row without a record"):
        read_orders()


def test_secrets_that_the_api_repeats_are_hidden(api: ScriptedApi, read_orders: ReadTable) -> None:
    said = {"message": "hunter2 may not", "path": ["hunter2"], "extensions": {"code": "NOT_hunter2"}}
    api.script = [Reply({"errors": [said, {"message": "x" * 297 + "hunter2"}]})]
    with pytest.raises(SourceError) as error:
        read_orders()
    assert api.asked[0].headers["authorization"] == "Bearer hunter2"
    assert "may not" in str(error.value)
    assert "hunt" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("$first: Int!, ", ""), r"does not declare \$first"),
        ((", $after: String", ""), r"does not declare \$after"),
        ((", after: $after", ""), r"declares \$after.*does not use it"),
        (("first: $first", "first: 10 # $first"), r"declares \$first.*does not use it"),
        (("pageInfo { hasNextPage endCursor }", ""), "does not ask for pageInfo"),
        (("endCursor", '# endCursor\n"""endCursor"""'), "does not ask for endCursor"),
        (("query Orders", "mutation Orders"), "is no query"),
        (("query Orders", "fragment F on X { y }\nsubscription Orders"), "is no query"),
    ],
)
def test_a_query_without_pages_is_found_before_the_api_is_asked(
    api: ScriptedApi, read_orders: ReadTable, change: tuple[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        read_orders(query=QUERY.replace(*change))
    assert api.asked == []


def test_variables_that_the_query_does_not_take_are_found(read_orders: ReadTable) -> None:
    with pytest.raises(ConfigError, match=r"does not declare \$state, which `variables` gives"):
        read_orders(variables={"state": "open"})
    with pytest.raises(ConfigError, match=r"'first' of 'orders'.*another name"):
        read_orders(variables={"first": 7})
    with pytest.raises(ConfigError, match=r"does not declare \$since, which `incremental.since` names"):
        read_orders(
            cursor="id", disposition="append", incremental={"since": "since"}, columns={"id": "NUMBER(19,0)"}
        )
