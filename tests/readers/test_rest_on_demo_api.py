"""REST on the demo's API: every hour once, by each way of paging, and what is new alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.headrace.config import RestSource, RestTable
from include.headrace.demo.api.server import DemoApi
from include.headrace.demo.seeding.package import package_file
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers.base import Span
from include.headrace.readers.http_retry import Clock, SystemClock
from include.headrace.readers.rest import RestReader
from tests.support.clock import HandClock
from tests.support.demo_api import demo_api
from tests.support.reading import Read, read

KEY = {"type": "api_key", "header": "X-Api-Key"}
PATH = "/v1/observations"

PAGE = {"type": "page", "size_parameter": "per_page", "size": 1000, "pages": "meta.total_pages"}
OFFSET = {"type": "offset", "size": 1000, "total": "meta.total"}
CURSOR = {"type": "cursor", "next": "meta.next_cursor", "size_parameter": "limit", "size": 1000}
LINK = {"type": "link", "size_parameter": "per_page", "size": 1000}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoApi]:
    with demo_api(tmp_path_factory.mktemp("rest")) as server:
        yield server


@pytest.fixture
def api(running: DemoApi) -> DemoApi:
    """The server without faults and without a rate limit."""
    running.control({"requests_per_second": None})
    return running


@pytest.fixture(scope="module")
def hours() -> list[str]:
    """The station's hours in the file, in order."""
    with package_file("weather.csv").open(newline="") as file:
        found = sorted(row["time_hour"] for row in csv.DictReader(file) if row["origin"] == "LGA")
    assert len(found) == 8706
    return found


def read_weather(
    pagination: dict[str, Any], span: Span | None = None, clock: Clock | None = None, **fields: Any
) -> Read:
    settings: dict[str, Any] = {
        "parameters": {"station": "LGA"},
        "records": "data",
        "primary_key": ("observedAt",),
        "cursor": "updatedAt",
        "columns": {"updatedAt": "TIMESTAMP_TZ"},
        "disposition": "merge",
        "incremental": {"since": "updated_since"},
        **fields,
    }
    table = RestTable(name="observations", path=PATH, pagination=pagination, **settings)
    source = RestSource(
        name="weather_lga", kind="rest", connection="weather_lga_api", auth=KEY, tables=(table,)
    )
    return read(RestReader(source, table, clock=clock or HandClock()), span)


def fails(api: DemoApi, *faults: dict[str, Any]) -> None:
    api.control({"requests_per_second": None, "faults": [{"path": PATH, **fault} for fault in faults]})


def observed(found: Read) -> list[str]:
    return [row["observedAt"] for row in found.rows]


@pytest.mark.parametrize("pagination", [PAGE, OFFSET, CURSOR, LINK], ids=lambda how: how["type"])
def test_every_hour_is_read_once(api: DemoApi, hours: list[str], pagination: dict[str, Any]) -> None:
    found = read_weather(pagination)
    assert observed(found) == hours
    assert (found.rejected, found.discarded) == ([], 0)
    for row in found.rows:
        payload = json.loads(row["payload"])
        assert payload["observedAt"] == row["observedAt"]
        assert datetime.fromisoformat(payload["updatedAt"]) == row["updatedAt"]
    assert api.control()["requests"] == {PATH: 9}


@pytest.mark.parametrize("pagination", [PAGE, OFFSET, CURSOR, LINK], ids=lambda how: how["type"])
def test_only_what_is_new_is_asked_for(api: DemoApi, hours: list[str], pagination: dict[str, Any]) -> None:
    since = datetime(2013, 12, 1, tzinfo=UTC)
    wanted = [text for text in hours if datetime.fromisoformat(text) + timedelta(hours=2) >= since]
    found = read_weather(pagination, Span(since.isoformat()))
    assert observed(found) == wanted
    assert found.discarded == 0
    assert api.control()["requests"] == {PATH: 1}


@pytest.mark.parametrize("pagination", [PAGE, OFFSET, CURSOR, LINK], ids=lambda how: how["type"])
def test_failures_that_pass_cost_no_record(
    api: DemoApi, hours: list[str], pagination: dict[str, Any]
) -> None:
    fails(
        api,
        {"kind": "status", "status": 500, "times": 2, "after": 1},
        {"kind": "status", "status": 429, "after": 4},
        {"kind": "drop", "after": 6},
    )
    assert observed(read_weather(pagination)) == hours
    assert api.control()["requests"] == {PATH: 9 + 4}


def test_an_empty_page_in_the_middle_is_not_the_end(api: DemoApi, hours: list[str]) -> None:
    for pagination, withheld in ((CURSOR, 0), (PAGE, 1000)):
        fails(api, {"kind": "empty_page", "after": 3})
        assert observed(read_weather(pagination)) == hours[:3000] + hours[3000 + withheld :]


def test_a_page_that_offset_left_empty_is_missed(api: DemoApi) -> None:
    fails(api, {"kind": "empty_page", "after": 3})
    with pytest.raises(PassingError, match=r"told of 8706 records .* gave 7706"):
        read_weather(OFFSET)


@pytest.mark.parametrize("pagination", [CURSOR, LINK], ids=lambda how: how["type"])
def test_a_page_that_names_itself_as_the_next_is_told(api: DemoApi, pagination: dict[str, Any]) -> None:
    fails(api, {"kind": "repeat_cursor", "after": 2, "times": None})
    with pytest.raises(SourceError, match="a second time"):
        read_weather(pagination)


def test_a_rate_limit_is_kept_to(api: DemoApi, hours: list[str]) -> None:
    api.control({"requests_per_second": 3})
    found = read_weather({**PAGE, "size": 500}, clock=SystemClock(), limit=2500)
    assert observed(found) == hours[:2500]


def test_a_wrong_key_and_a_wrong_parameter_are_told(api: DemoApi, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"422.*colour: unknown"):
        read_weather(PAGE, parameters={"colour": "blue"})
    fields = json.loads(api.connections()["weather_lga_api"])
    monkeypatch.setenv("AIRFLOW_CONN_WEATHER_LGA_API", json.dumps({**fields, "password": "hunter2"}))
    with pytest.raises(SourceError, match=r"401.*X-Api-Key") as error:
        read_weather(PAGE)
    assert "hunter2" not in str(error.value)
