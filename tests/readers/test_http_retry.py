"""When a request is asked again, how long after, and what it says when patience ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from include.headrace.config import RestSource, RestTable
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers.http_client import ApiClient, api_client
from include.headrace.readers.http_retry import Patience, SystemClock, retry_after
from tests.support.clock import HandClock
from tests.support.scripted_api import DROPPED, Reply, ScriptedApi

GOOD = Reply({"data": []})


@pytest.fixture
def api(api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> ScriptedApi:
    api.handler = lambda asked: GOOD
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection())
    return api


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def source(**fields: object) -> RestSource:
    table = RestTable(name="orders", path="/orders")
    return RestSource(name="shop", kind="rest", connection="shop_api", tables=(table,), **fields)


@pytest.fixture
def client(api: ScriptedApi, clock: HandClock) -> Iterator[ApiClient]:
    with api_client(source(), clock=clock) as made:
        yield made


def test_two_server_errors_and_then_an_answer(api: ScriptedApi, client: ApiClient, clock: HandClock) -> None:
    api.script = [Reply(b"oops", 500), Reply(b"oops", 500), Reply({"id": 1})]
    assert client.request("GET", "/orders").body == b'{"id": 1}'
    assert len(api.asked) == 3
    # The longest that full jitter may wait: half a second, doubled each time.
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_asked_again(api: ScriptedApi, client: ApiClient, status: int) -> None:
    api.script = [Reply(b"", status)]
    assert client.request("GET", "/orders").status == 200
    assert len(api.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422, 451, 501, 505])
def test_a_status_that_stays_is_told_at_once(
    api: ScriptedApi, client: ApiClient, clock: HandClock, status: int
) -> None:
    api.script = [Reply(b'{"error": "no such shop"}' + b"x" * 1000, status)]
    with pytest.raises(SourceError, match=f"GET {api.url}/orders answered {status}") as error:
        client.request("GET", "/orders")
    assert "no such shop" in str(error.value)
    # 200 characters of the body and no more.
    assert str(error.value).count("x") < 200
    assert len(api.asked) == 1
    assert clock.slept == []


def test_patience_ends_after_eight_tries(api: ScriptedApi, client: ApiClient, clock: HandClock) -> None:
    api.handler = lambda asked: Reply(b"down for repair", 503)
    with pytest.raises(PassingError, match=r"503 Service Unavailable: 'down for repair'.*8 times"):
        client.request("GET", "/orders")
    assert len(api.asked) == 8
    assert clock.slept == [0.5, 1, 2, 4, 8, 16, 32]


def test_a_429_without_retry_after_backs_off(api: ScriptedApi, client: ApiClient, clock: HandClock) -> None:
    api.script = [Reply(b"", 429)] * 4
    assert client.request("GET", "/orders").status == 200
    assert clock.slept == [0.5, 1, 2, 4]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_kept(
    api: ScriptedApi, client: ApiClient, clock: HandClock, status: int
) -> None:
    api.script = [Reply(b"", status, {"Retry-After": "7"})]
    client.request("GET", "/orders")
    # Never sooner than asked for; the jitter on top keeps tasks apart.
    assert clock.slept == [7.5]


def test_retry_after_as_a_date_is_kept(api: ScriptedApi, client: ApiClient, clock: HandClock) -> None:
    moment = datetime.fromtimestamp(clock.wall(), UTC) + timedelta(seconds=30)
    api.script = [Reply(b"", 429, {"Retry-After": format_datetime(moment, usegmt=True)})]
    client.request("GET", "/orders")
    assert clock.slept == [30.5]


@pytest.mark.parametrize("header", ["soon", "-5", "1.5", "", "٣"])
def test_a_retry_after_that_says_nothing_backs_off(
    api: ScriptedApi, client: ApiClient, clock: HandClock, header: str
) -> None:
    api.script = [Reply(b"", 429, {"Retry-After": header} if header.isascii() else {})]
    client.request("GET", "/orders")
    assert clock.slept == [0.5]
    assert retry_after(header, 0) is None


def test_a_date_that_has_passed_waits_for_nothing() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1_700_000_000) == 0


def test_a_server_that_asks_for_an_hour_is_left_to_the_tasks_retry(
    api: ScriptedApi, client: ApiClient, clock: HandClock
) -> None:
    api.script = [Reply(b"", 429, {"Retry-After": "3600"})]
    with pytest.raises(PassingError, match="3600 seconds"):
        client.request("GET", "/orders")
    assert clock.slept == []
    assert len(api.asked) == 1


def test_the_time_of_all_waits_is_bounded(api: ScriptedApi, client: ApiClient, clock: HandClock) -> None:
    api.handler = lambda asked: Reply(b"", 503, {"Retry-After": "100"})
    with pytest.raises(PassingError):
        client.request("GET", "/orders")
    assert clock.slept == [100.5, 100.5]


def test_patience_begins_anew_with_each_request(
    api: ScriptedApi, client: ApiClient, clock: HandClock
) -> None:
    for _ in range(3):
        api.script = [Reply(b"", 503, {"Retry-After": "200"})]
        client.request("GET", "/orders")
    assert clock.slept == [200.5] * 3


def test_a_connection_closed_without_an_answer_is_tried_again(api: ScriptedApi, client: ApiClient) -> None:
    api.script = [DROPPED, DROPPED]
    assert client.request("GET", "/orders").status == 200
    assert len(api.asked) == 3


def test_an_answer_that_drops_in_mid_body_is_asked_again(api: ScriptedApi, client: ApiClient) -> None:
    api.script = [Reply(b'{"data": [1, 2', told=100), Reply({"data": [1, 2]})]
    assert client.request("GET", "/orders").body == b'{"data": [1, 2]}'


def test_an_answer_that_always_drops_may_pass(api: ScriptedApi, client: ApiClient) -> None:
    api.handler = lambda asked: Reply(b'{"data": [1, 2', told=100)
    with pytest.raises(PassingError, match=f"GET {api.url}/orders failed: .*body.*8 times"):
        client.request("GET", "/orders")


def test_json_cut_short_by_a_closed_connection_is_asked_again(api: ScriptedApi, client: ApiClient) -> None:
    api.script = [Reply(b'{"data": [1, 2', by_closing=True), Reply({"data": [1, 2]})]
    assert client.request("GET", "/orders").body == b'{"data": [1, 2]}'


def test_json_that_is_always_cut_short_may_pass(api: ScriptedApi, client: ApiClient) -> None:
    api.handler = lambda asked: Reply(b'{"data": [1, 2')
    with pytest.raises(PassingError, match="the answer ends early"):
        client.request("GET", "/orders")


def test_a_broken_gzip_is_asked_again(api: ScriptedApi, client: ApiClient) -> None:
    api.script = [Reply(b"no gzip", headers={"Content-Encoding": "gzip"})]
    assert client.request("GET", "/orders").status == 200
    assert len(api.asked) == 2


def test_a_server_that_is_down_may_come_back(
    monkeypatch: pytest.MonkeyPatch, api: ScriptedApi, clock: HandClock
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP_API", f'{{"conn_type": "http", "host": "127.0.0.1", "port": {free_port()}}}'
    )
    with api_client(source(), clock=clock) as client, pytest.raises(PassingError, match="refused"):
        client.request("GET", "/orders")
    assert len(clock.slept) == 7


def test_a_silent_server_runs_into_the_connections_timeout(
    monkeypatch: pytest.MonkeyPatch, api: ScriptedApi, clock: HandClock
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(extra={"timeout": 0.05}))
    # The rest of the body never comes.
    api.handler = lambda asked: Reply(b"", told=10, silent_seconds=1.0)
    with (
        api_client(source(), clock=clock, patience=Patience(tries=2)) as client,
        pytest.raises(PassingError, match="did not answer in time"),
    ):
        client.request("GET", "/orders")


def test_requests_are_spaced(api: ScriptedApi, clock: HandClock) -> None:
    with api_client(source(requests_per_second=4), clock=clock) as client:
        for _ in range(5):
            client.request("GET", "/orders")
    # The first goes at once, the others a quarter of a second apart.
    assert clock.slept == [0.25] * 4


def test_the_systems_jitter_is_full() -> None:
    drawn = [SystemClock().jitter(10) for _ in range(1000)]
    assert 0 <= min(drawn) < 1
    assert 9 < max(drawn) <= 10
