"""GraphQL on the demo's API: every record once, tokens renewed, and each way that a server may fail."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.headrace.demo.api.server import DemoApi
from include.headrace.demo.seeding.package import package_file
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers.base import Span
from include.headrace.readers.graphql import GraphqlReader
from include.headrace.readers.http_retry import Patience
from tests.support.clock import HandClock
from tests.support.demo_api import AIRLINES, airlines_table, demo_api
from tests.support.reading import Read, read

OBSERVATIONS = """
query Weather($first: Int!, $after: String, $since: String, $until: String) {
  observations(first: $first, after: $after, updatedSince: $since, updatedBefore: $until) {
    nodes { observedAt updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}
"""
WEATHER: dict[str, Any] = {
    "name": "observations",
    "query": OBSERVATIONS,
    "records": "observations",
    "primary_key": ("observedAt",),
    "cursor": "updatedAt",
    "columns": {"updatedAt": "TIMESTAMP_TZ"},
    "disposition": "merge",
    "incremental": {"since": "since", "until": "until"},
    "size": 1000,
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoApi]:
    with demo_api(tmp_path_factory.mktemp("graphql")) as server:
        yield server


@pytest.fixture
def api(running: DemoApi) -> DemoApi:
    """The server without faults and without a rate limit."""
    running.control({"requests_per_second": None})
    return running


@pytest.fixture(scope="module")
def airlines() -> list[tuple[str, dict[str, str]]]:
    """What the table must hold: code, and payload as Python values."""
    with package_file("airlines.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    return [(row["carrier"], {"code": row["carrier"], "name": row["name"]}) for row in rows]


def fails(api: DemoApi, *faults: dict[str, Any]) -> None:
    api.control({"requests_per_second": None, "faults": [{"path": "/graphql", **fault} for fault in faults]})


def read_airlines(
    span: Span | None = None,
    *,
    patience: Patience | None = None,
    clock: HandClock | None = None,
    **fields: Any,
) -> Read:
    return read(GraphqlReader(*airlines_table(**fields), patience=patience, clock=clock or HandClock()), span)


def found(given: Read) -> list[tuple[str, dict[str, str]]]:
    return [(row["code"], json.loads(row["payload"])) for row in given.rows]


@pytest.mark.parametrize(("size", "pages"), [(1, 16), (5, 4), (16, 1), (100, 1)])
def test_every_record_is_read_once(api: DemoApi, airlines: Any, size: int, pages: int) -> None:
    given = read_airlines(size=size)
    assert found(given) == airlines
    assert (given.rejected, given.discarded) == ([], 0)
    assert given.landing("payload") == "VARIANT"
    assert api.control()["requests"] == {"/oauth/token": 1, "/graphql": pages}


def test_an_expired_token_is_renewed_in_mid_read(api: DemoApi, airlines: Any) -> None:
    fails(api, {"kind": "expire_tokens", "after": 2})
    assert found(read_airlines(size=5)) == airlines
    assert api.control()["requests"] == {"/oauth/token": 2, "/graphql": 5}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500, "times": 2},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 503, "retry_after": "0"},
        {"kind": "drop", "times": 2},
        {"kind": "graphql_error", "code": "THROTTLED", "times": 2},
        {"kind": "graphql_error", "code": "INTERNAL_SERVER_ERROR", "beside_data": False},
    ],
)
def test_a_failure_that_passes_costs_no_record(api: DemoApi, airlines: Any, fault: dict[str, Any]) -> None:
    fails(api, {**fault, "after": 2})
    assert found(read_airlines(size=5)) == airlines
    assert api.control()["requests"]["/graphql"] == 4 + fault.get("times", 1)


def test_an_empty_page_in_the_middle_is_not_the_end(api: DemoApi, airlines: Any) -> None:
    fails(api, {"kind": "empty_page", "after": 1, "times": 3})
    assert found(read_airlines(size=5)) == airlines
    assert api.control()["requests"]["/graphql"] == 7


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "repeat_cursor", "times": None}, "a second time: its pages have no end"),
        ({"kind": "null_cursor"}, "has a next page and no endCursor"),
        (
            {"kind": "graphql_error", "code": "FORBIDDEN"},
            r"read.' at airlines.edges.4.node \(code FORBIDDEN\)",
        ),
        ({"kind": "graphql_error", "beside_data": False}, "'This record cannot be read.' at airlines"),
        ({"kind": "status", "status": 400}, "answered 400"),
    ],
)
def test_what_no_retry_mends_is_told(api: DemoApi, fault: dict[str, Any], told: str) -> None:
    fails(api, {**fault, "after": 1})
    with pytest.raises(SourceError, match=told):
        read_airlines(size=5)
    assert api.control()["requests"]["/graphql"] <= 3


@pytest.mark.parametrize(
    "fault",
    [{"kind": "graphql_error", "code": "THROTTLED"}, {"kind": "status", "status": 502}, {"kind": "drop"}],
)
def test_what_does_not_pass_is_given_up_in_the_end(api: DemoApi, fault: dict[str, Any]) -> None:
    fails(api, {**fault, "times": None, "after": 1})
    clock = HandClock()
    with pytest.raises(PassingError, match="tried 4 times"):
        read_airlines(size=5, clock=clock, patience=Patience(tries=4, first_wait_seconds=1))
    assert clock.slept == [1, 2, 4]
    assert api.control()["requests"]["/graphql"] == 5


def test_a_limit_stops_the_asking(api: DemoApi, airlines: Any) -> None:
    given = read_airlines(size=5, limit=7)
    assert found(given) == airlines[:7]
    assert given.discarded == 0
    assert api.control()["requests"]["/graphql"] == 2


def weather(span: Span | None = None, **fields: Any) -> Read:
    return read(GraphqlReader(*airlines_table(**{**WEATHER, **fields}), clock=HandClock()), span)


@pytest.fixture(scope="module")
def finals() -> list[datetime]:
    """When each of the station's hours was final, in order."""
    with package_file("weather.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == "LGA"]
    return sorted(datetime.fromisoformat(row["time_hour"]) + timedelta(hours=2) for row in rows)


def test_only_what_is_new_is_asked_for(api: DemoApi, finals: list[datetime]) -> None:
    lower, upper = datetime(2013, 12, 1, tzinfo=UTC), datetime(2013, 12, 15, tzinfo=UTC)
    wanted = [moment for moment in finals if lower <= moment < upper]
    given = weather(Span(lower.isoformat(), True, upper.isoformat()))
    assert [row["updatedAt"] for row in given.rows] == wanted
    assert given.discarded == 0
    assert api.control()["requests"]["/graphql"] == 1
    # Without `incremental` the same rows are found among all.
    everything = weather(Span(lower.isoformat(), False, upper.isoformat()), incremental=None)
    assert [row["updatedAt"] for row in everything.rows] == wanted[1:]
    assert everything.discarded == 8706 - len(wanted) + 1
    assert api.control()["requests"]["/graphql"] == 1 + 9


def test_a_window_is_the_newest_part(api: DemoApi, finals: list[datetime]) -> None:
    given = weather(window="2d")
    assert [row["updatedAt"] for row in given.rows] == [
        moment for moment in finals if moment >= finals[-1] - timedelta(days=2)
    ]
    assert given.extracted == 8706


def test_an_error_holds_no_secret(api: DemoApi, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = json.loads(api.connections()["carriers_api"])
    monkeypatch.setenv("AIRFLOW_CONN_CARRIERS_API", json.dumps({**fields, "password": "hunter2-wrong"}))
    with pytest.raises(SourceError, match=r"carriers_api.*correct the connection") as error:
        read_airlines()
    assert "hunter2" not in str(error.value)


def test_a_query_is_asked_with_its_variables(api: DemoApi) -> None:
    query = OBSERVATIONS.replace("$until: String", "$until: String, $station: String!").replace(
        "(first: $first", "(station: $station, first: $first"
    )
    with pytest.raises(SourceError, match=r"'JFK' is not known.*code BAD_USER_INPUT"):
        weather(query=query, variables={"station": "JFK"})
    with pytest.raises(SourceError, match=r"Variable '\$station'"):
        weather(query=query)
    assert weather(query=query, variables={"station": "LGA"}, limit=3).table.num_rows == 3


def test_a_field_that_the_api_does_not_have_is_told(api: DemoApi) -> None:
    with pytest.raises(SourceError, match="Cannot query field 'nam' on type 'Airline'"):
        read_airlines(query=AIRLINES.replace("code name", "code nam"))
