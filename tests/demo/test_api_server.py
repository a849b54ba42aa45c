"""The demo's API: its pages, who may ask, its limits, how it fails on demand, and its process."""

from __future__ import annotations

import csv
import http.client
import json
import re
import stat
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import psutil
import pytest

from include.headrace.demo.api.server import DemoApi
from include.headrace.demo.seeding.package import package_file
from include.headrace.settings import PROJECT_ROOT
from tests.support.demo_api import AIRLINES, Heard, ask, demo_api

PATH = "/v1/observations"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoApi]:
    with demo_api(tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture
def api(running: DemoApi) -> DemoApi:
    """The server without a rate limit and without faults."""
    running.control({"requests_per_second": None})
    return running


@pytest.fixture(scope="module")
def hours() -> list[dict[str, str]]:
    """The file's rows of the station, in order of time."""
    with package_file("weather.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == "LGA"]
    assert len(rows) == 8706
    return sorted(rows, key=lambda row: row["time_hour"])


def rest(api: DemoApi, parameters: Mapping[str, object] | None = None, path: str = PATH) -> Heard:
    return ask(api, path, parameters, headers={"X-Api-Key": api.credentials.key})


def token_answer(api: DemoApi, form: Mapping[str, str], header: str | None = None) -> Heard:
    headers = {"Authorization": header} if header else {}
    return ask(api, "/oauth/token", data=urlencode(form).encode(), headers=headers)


def token(api: DemoApi) -> str:
    mine = api.credentials
    answer = token_answer(
        api,
        {
            "grant_type": "client_credentials",
            "client_id": mine.client_id,
            "client_secret": mine.client_secret,
        },
    )
    assert answer.status == 200
    return str(answer.json["access_token"])


def graphql(api: DemoApi, query: str, variables: Mapping[str, object], bearer: str | None = None) -> Heard:
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Authorization": f"Bearer {bearer or token(api)}", "Content-Type": "application/json"}
    return ask(api, "/graphql", data=body, headers=headers)


def by_page(api: DemoApi) -> Iterator[dict[str, Any]]:
    number, pages = 1, 1
    while number <= pages:
        answer = rest(api, {"page": number, "per_page": 700}).json
        yield from answer["data"]
        number, pages = number + 1, answer["meta"]["total_pages"]
    assert pages == 13


def by_offset(api: DemoApi) -> Iterator[dict[str, Any]]:
    offset, total = 0, 1
    while offset < total:
        answer = rest(api, {"offset": offset, "limit": 999}).json
        yield from answer["data"]
        offset, total = offset + len(answer["data"]), answer["meta"]["total"]


def by_cursor(api: DemoApi) -> Iterator[dict[str, Any]]:
    place: dict[str, object] = {}
    while True:
        answer = rest(api, {"limit": 1000, **place}).json
        yield from answer["data"]
        if answer["meta"]["next_cursor"] is None:
            return
        place = {"cursor": answer["meta"]["next_cursor"]}


def by_link(api: DemoApi) -> Iterator[dict[str, Any]]:
    answer = rest(api, {"per_page": 1000, "station": "LGA"})
    while True:
        yield from answer.json["data"]
        found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        if found is None:
            return
        answer = rest(api, path=found[1])


@pytest.mark.parametrize("read", [by_page, by_offset, by_cursor, by_link])
def test_every_way_of_paging_reaches_every_hour_once(
    api: DemoApi, hours: list[dict[str, str]], read: Any
) -> None:
    assert [one["observedAt"] for one in read(api)] == [row["time_hour"] for row in hours]


def test_numbers_are_as_the_file_writes_them(api: DemoApi, hours: list[dict[str, str]]) -> None:
    bodies = [rest(api, {"per_page": 1000, "page": page}).body for page in range(1, 10)]
    found = [one for body in bodies for one in json.loads(body, parse_float=str, parse_int=str)["data"]]
    readings = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    for one, row in zip(found, hours, strict=True):
        assert one["station"] == "LGA"
        assert list(one["local"].values()) == [row[name] for name in ("year", "month", "day", "hour")]
        written = ["NA" if text is None else text for text in one["readings"].values()]
        assert written == [row[name] for name in readings]
        final = datetime.fromisoformat(row["time_hour"]) + timedelta(hours=2)
        assert datetime.fromisoformat(one["updatedAt"]) == final


def test_a_span_takes_its_lower_bound_and_leaves_its_upper(api: DemoApi) -> None:
    span = {"updated_since": "2013-07-01T00:00:00Z", "updated_before": "2013-07-01T05:00:00+02:00"}
    answer = rest(api, {**span, "per_page": 2}).json
    assert [one["updatedAt"] for one in answer["data"]] == ["2013-07-01T00:00:00Z", "2013-07-01T01:00:00Z"]
    assert answer["meta"]["total"] == 3
    assert rest(api, {**span, "page": 5}).json["data"] == []


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"pge": 2}, "pge: unknown.*per_page"),
        ({"page": 1, "cursor": "x"}, "page and cursor"),
        ({"page": 1, "limit": 5}, "page goes with per_page"),
        ({"per_page": 5, "limit": 5}, "per_page and limit"),
        ({"page": 0}, "page is '0'"),
        ({"per_page": 1001}, "1 to 1000"),
        ({"offset": -1}, "offset is '-1'"),
        ({"cursor": "MTAw"}, "no cursor of this API"),
        ({"station": "JFK"}, "JFK"),
        ({"updated_since": "yesterday"}, "ISO 8601"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    api: DemoApi, parameters: dict[str, object], told: str
) -> None:
    answer = rest(api, parameters)
    assert answer.status == 422
    assert re.search(told, answer.json["error"]["message"])


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "guess"}])
def test_the_weather_needs_the_key(api: DemoApi, headers: dict[str, str]) -> None:
    answer = ask(api, PATH, headers=headers)
    assert (answer.status, answer.json["error"]["code"]) == (401, "unauthorized")


def test_a_parameter_given_twice_and_a_path_that_is_none(api: DemoApi) -> None:
    assert rest(api, path=f"{PATH}?page=1&page=2").status == 422
    assert rest(api, path="/v2").status == 404
    assert ask(api, "/graphql").status == 405


def test_too_many_requests_are_told_when_to_come_again(api: DemoApi) -> None:
    api.control({"requests_per_second": 0.02})
    assert rest(api).status == 200
    refused = rest(api)
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 50
    assert refused.json["error"]["code"] == "too_many_requests"


def test_a_token_for_the_secret_in_the_header_or_the_form(api: DemoApi) -> None:
    mine = api.credentials
    grant = {"grant_type": "client_credentials"}
    login = f"{quote_plus(mine.client_id)}:{quote_plus(mine.client_secret)}"
    answer = token_answer(api, grant, "Basic " + b64encode(login.encode()).decode())
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 3600, "read")
    assert graphql(api, AIRLINES, {"first": 1}, given["access_token"]).status == 200
    assert graphql(api, AIRLINES, {"first": 1}, token(api)).status == 200


@pytest.mark.parametrize(
    ("form", "header", "status", "error"),
    [
        ({}, None, 401, "invalid_client"),
        ({"client_secret": "guess"}, None, 401, "invalid_client"),
        ({}, "Basic " + b64encode(b"headrace:guess").decode(), 401, "invalid_client"),
        ({}, "Basic no base64", 401, "invalid_client"),
        ({"client_secret": "{secret}"}, "Basic " + b64encode(b"a:b").decode(), 400, "invalid_request"),
        ({"client_secret": "{secret}", "grant_type": "password"}, None, 400, "unsupported_grant_type"),
        ({"client_secret": "{secret}", "scope": "write"}, None, 400, "invalid_scope"),
    ],
)
def test_no_token_for_anything_else(
    api: DemoApi, form: dict[str, str], header: str | None, status: int, error: str
) -> None:
    asked = {"grant_type": "client_credentials", "client_id": "headrace", **form}
    secret = api.credentials.client_secret
    answer = token_answer(api, {name: text.format(secret=secret) for name, text in asked.items()}, header)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert (answer.status == 401) == ("www-authenticate" in answer.headers)


def test_graphql_needs_a_token_that_lasts(api: DemoApi) -> None:
    for bearer in ("guess", api.credentials.key):
        refused = graphql(api, AIRLINES, {"first": 1}, bearer)
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
    api.control({"token_seconds": 1})
    bearer = token(api)
    until = time.monotonic() + 30
    while graphql(api, AIRLINES, {"first": 1}, bearer).status == 200:
        assert time.monotonic() < until
        time.sleep(0.1)
    api.control({"faults": [{"kind": "expire_tokens", "path": "/graphql"}]})
    bearer = token(api)
    assert graphql(api, AIRLINES, {"first": 1}, bearer).status == 401
    assert graphql(api, AIRLINES, {"first": 1}, token(api)).status == 200


def airlines_by(api: DemoApi, size: int) -> list[dict[str, str]]:
    found, after, bearer = [], None, token(api)
    while True:
        answer = graphql(api, AIRLINES, {"first": size, "after": after}, bearer).json
        assert "errors" not in answer
        connection = answer["data"]["airlines"]
        assert len(connection["edges"]) <= size
        found += [edge["node"] for edge in connection["edges"]]
        if not connection["pageInfo"]["hasNextPage"]:
            return found
        after = connection["pageInfo"]["endCursor"]


@pytest.mark.parametrize("size", [1, 5, 16, 100])
def test_the_connection_reaches_every_airline_once(api: DemoApi, size: int) -> None:
    with package_file("airlines.csv").open(newline="") as file:
        rows = [{"code": row["carrier"], "name": row["name"]} for row in csv.DictReader(file)]
    assert len(rows) == 16
    assert airlines_by(api, size) == rows


def test_the_weather_by_graphql_is_the_weather_by_rest(api: DemoApi) -> None:
    readings = (
        "temperatureF dewPointF humidityPercent windDirectionDegrees windSpeedMph windGustMph "
        "precipitationIn pressureMbar visibilityMiles"
    )
    fields = f"station observedAt local {{ year month day hour }} readings {{ {readings} }} updatedAt"
    asked = f"observations(first: 900, updatedSince: $since) {{ totalCount nodes {{ {fields} }} }}"
    query = f"query Weather($since: String) {{ {asked} }}"
    since = "2013-12-01T00:00:00Z"
    [found] = graphql(api, query, {"since": since}).json["data"].values()
    answer = rest(api, {"per_page": 900, "updated_since": since}).json
    assert found == {"totalCount": answer["meta"]["total"], "nodes": answer["data"]}


@pytest.mark.parametrize("variables", [{"first": 0}, {"first": 1001}, {"first": 1, "after": "guess"}])
def test_variables_that_make_no_sense_are_an_error(api: DemoApi, variables: dict[str, object]) -> None:
    answer = graphql(api, AIRLINES, variables)
    assert (answer.status, answer.json["data"]) == (200, None)
    assert answer.json["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
    assert ask(api, "/graphql", data=b"[", headers={"Authorization": f"Bearer {token(api)}"}).status == 400


def test_an_answer_fails_as_often_as_was_asked(api: DemoApi) -> None:
    api.control(
        {
            "requests_per_second": None,
            "faults": [
                {"kind": "status", "status": 500, "path": "/v1", "after": 1, "times": 2},
                {"kind": "status", "status": 429, "retry_after": "7", "path": "/graphql", "times": None},
            ],
        }
    )
    assert [rest(api, {"page": page}).status for page in (1, 2, 2, 2)] == [200, 500, 500, 200]
    bearer = token(api)
    for _ in range(3):
        answer = graphql(api, AIRLINES, {"first": 1}, bearer)
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert api.control()["requests"] == {PATH: 4, "/oauth/token": 1, "/graphql": 3}


def test_an_answer_breaks_off_in_the_middle(api: DemoApi) -> None:
    api.control({"faults": [{"kind": "drop", "path": "/v1"}]})
    with pytest.raises(http.client.IncompleteRead) as error:
        rest(api)
    assert error.value.partial.startswith(b'{"data":[{')
    assert rest(api).status == 200


def test_an_empty_page_withholds_nothing_by_cursor(api: DemoApi) -> None:
    api.control({"requests_per_second": None, "faults": [{"kind": "empty_page", "after": 3, "path": "/v1"}]})
    assert len({one["observedAt"] for one in by_cursor(api)}) == 8706
    assert api.control()["requests"] == {PATH: 10}
    api.control({"faults": [{"kind": "empty_page", "path": "/v1"}]})
    answer = rest(api, {"page": 2})
    assert (answer.json["data"], answer.json["meta"]["total"]) == ([], 8706)


def test_a_cursor_that_repeats_and_one_that_is_withheld(api: DemoApi) -> None:
    api.control({"faults": [{"kind": "repeat_cursor", "after": 1, "times": None, "path": "/v1"}]})
    second = rest(api, {"limit": 10}).json["meta"]["next_cursor"]
    for _ in range(3):
        assert rest(api, {"limit": 10, "cursor": second}).json["meta"]["next_cursor"] == second
    api.control({"faults": [{"kind": "null_cursor", "path": "/graphql"}]})
    told = graphql(api, AIRLINES, {"first": 2}).json["data"]["airlines"]["pageInfo"]
    assert told == {"hasNextPage": True, "endCursor": None}


def test_an_error_beside_data_and_in_its_place(api: DemoApi) -> None:
    fault = {"kind": "graphql_error", "path": "/graphql", "message": "No.", "code": "FORBIDDEN"}
    api.control({"faults": [fault, {**fault, "after": 1, "beside_data": False}]})
    beside = graphql(api, AIRLINES, {"first": 2}).json
    nodes = [edge["node"] for edge in beside["data"]["airlines"]["edges"]]
    assert nodes == [{"code": "9E", "name": "Endeavor Air Inc."}, None]
    [error] = beside["errors"]
    assert (error["message"], error["path"]) == ("No.", ["airlines", "edges", 1, "node"])
    alone = graphql(api, AIRLINES, {"first": 2}).json
    assert alone["data"] is None
    assert alone["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


def test_control_needs_its_key_and_what_it_knows(api: DemoApi) -> None:
    assert ask(api, "/control", headers={"X-Control-Key": api.credentials.key}).status == 401
    wrong: list[dict[str, object]] = [
        {"fault": []},
        {"faults": [{"kind": "explode"}]},
        {"faults": [{"kind": "drop", "status": 500}]},
        {"requests_per_second": "many"},
    ]
    for behaviour in wrong:
        with pytest.raises(ValueError, match="invalid_behaviour"):
            api.control(behaviour)
    api.control({"faults": [{"kind": "delay", "seconds": 0.01}]})
    assert rest(api).status == 200
    api.control({"token_seconds": 5})
    told = api.control()
    assert told == {
        "behaviour": {"requests_per_second": 50.0, "token_seconds": 5, "faults": []},
        "requests": {},
    }


def test_secrets_stay_with_their_owner(api: DemoApi) -> None:
    mine = vars(api.credentials)
    assert stat.S_IMODE((api.home / "secrets.json").stat().st_mode) == 0o600
    process = psutil.Process(json.loads((api.home / "process.json").read_text())["pid"])
    assert {one.laddr.ip for one in process.net_connections() if one.status == "LISTEN"} == {"127.0.0.1"}
    rest(api)
    graphql(api, AIRLINES, {"first": 1})
    seen = " ".join(process.cmdline()) + api.log.read_text()
    assert not [secret for name, secret in mine.items() if name != "client_id" and secret in seen]


def test_it_does_not_start_without_its_secrets() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.headrace.demo.api", "--port", "1"],
        cwd=PROJECT_ROOT,
        env={"HEADRACE_DEMO_API_KEY": "k", "HEADRACE_DEMO_API_CLIENT_ID": "c"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs HEADRACE_DEMO_API_CLIENT_SECRET in its environment" in done.stderr


def test_a_server_left_behind_gives_way_and_secrets_stay(tmp_path: Path) -> None:
    first = DemoApi(tmp_path).start()
    left = psutil.Process(json.loads((tmp_path / "process.json").read_text())["pid"])
    kept = first.credentials
    second = DemoApi(tmp_path, ("--token-seconds", "30", "--requests-per-second", "9")).start()
    try:
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert not first.is_running
        assert second.is_running
        assert second.credentials == kept
        told = second.control()["behaviour"]
        assert (told["token_seconds"], told["requests_per_second"]) == (30, 9)
    finally:
        second.stop()
        first.stop()
    second.stop()
    assert not second.is_running
