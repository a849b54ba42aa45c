"""What a request to an API carries, where it may go, and what never comes out of it."""

from __future__ import annotations

import base64
import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from include.headrace.config import RestSource, RestTable
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers import http_exchange
from include.headrace.readers.http_client import ApiClient, api_client
from tests.support.clock import HandClock
from tests.support.scripted_api import Asked, Reply, ScriptedApi

SECRET = 'p&ss "w+rd/='
"""Looks different in a URL, in JSON and in Base64."""
OAUTH = {"type": "oauth2_client_credentials", "token_path": "/oauth/token"}


@pytest.fixture(scope="module")
def other_server() -> Iterator[ScriptedApi]:
    api = ScriptedApi().start()
    yield api
    api.stop()


@pytest.fixture
def api(api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> ScriptedApi:
    api.handler = lambda asked: Reply({"data": []})
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(login="ana", password=SECRET))
    return api


@pytest.fixture
def other(other_server: ScriptedApi) -> ScriptedApi:
    other_server.asked.clear()
    other_server.handler = lambda asked: Reply({"data": []})
    return other_server


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def client(clock: HandClock, auth: dict[str, Any] | None = None) -> AbstractContextManager[ApiClient]:
    source = RestSource(
        name="shop",
        kind="rest",
        connection="shop_api",
        auth=auth or {"type": "none"},
        tables=(RestTable(name="orders", path="/orders"),),
    )
    return api_client(source, clock=clock)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "/orders"),
        ({"host": "{url}/"}, "/orders"),
        ({"host": "{url}/v2"}, "/v2/orders"),
        ({"host": "{url}/v2/"}, "/v2/orders"),
        ({"host": "http://127.0.0.1", "port": "{port}"}, "/orders"),
        ({"host": "http://127.0.0.1/v2", "port": "{port}"}, "/v2/orders"),
        ({"host": "127.0.0.1", "port": "{port}"}, "/orders"),
        ({"host": "127.0.0.1", "port": "{port}", "schema": "http"}, "/orders"),
    ],
)
def test_the_address_is_read_as_airflows_http_hook_reads_it(
    api: ScriptedApi,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    path: str,
) -> None:
    filled = {name: value.format(url=api.url, port=api.port) for name, value in fields.items()}
    if "port" in filled:
        filled["port"] = int(filled["port"])
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(**filled))
    with client(clock) as made:
        made.request("GET", "/orders", parameters={"open": True, "n": 5, "at": "2013-01-01T00:00:00+00:00"})
    [asked] = api.asked
    assert asked.path == path
    assert asked.parameters == {"open": "true", "n": "5", "at": "2013-01-01T00:00:00+00:00"}
    assert asked.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"host": ""}, "has no host"),
        ({"host": "ftp://api"}, "neither http:// nor https://"),
        ({"host": "http://ana:hunter2@api"}, "holds a login"),
        ({"host": "http://api?key=hunter2"}, "holds a login, a query"),
        ({"host": "http://[::1"}, "makes no URL"),
        ({"extra": {"verify_ssl": True}}, "verify_ssl in its extra"),
        ({"extra": {"proxies": {}}}, "`proxy`"),
        ({"extra": {"timeout": "long"}}, "timeout"),
        ({"extra": {"key": "/client.key"}}, "`key` in its extra without `cert`"),
        ({"extra": {"verify": "/no/such/ca.pem"}}, "verify"),
        ({"extra": {"cert": "/no/such/cert.pem"}}, "cert.*No such file"),
        ({"extra": {"X-Number": 5}}, "'X-Number'"),
    ],
)
def test_a_wrong_connection_is_told_without_its_values(
    api: ScriptedApi,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    told: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(**{"password": "hunter2", **fields}))
    with pytest.raises(SourceError, match=f"'shop_api' .*{told}") as error, client(clock):
        pass
    assert "hunter2" not in str(error.value)


def test_a_connection_that_is_not_there_is_named(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SHOP_API", raising=False)
    with pytest.raises(SourceError, match="no Airflow connection 'shop_api'"), client(clock):
        pass


def test_certificates_are_checked_in_prod(
    api: ScriptedApi, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(extra={"verify": False}))
    with client(clock) as made:
        made.request("GET", "/orders")
    monkeypatch.setenv("HEADRACE_ENV", "prod")
    with pytest.raises(SourceError, match="verify: false"), client(clock):
        pass


BASIC = "Basic " + base64.b64encode(f"ana:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "none"}, "authorization", None),
        ({"type": "api_key", "header": "X-Api-Key"}, "x-api-key", SECRET),
        ({"type": "bearer"}, "authorization", f"Bearer {SECRET}"),
        ({"type": "basic"}, "authorization", BASIC),
    ],
)
def test_requests_are_signed_in_a_header(
    api: ScriptedApi, clock: HandClock, auth: dict[str, Any], header: str, value: str | None
) -> None:
    with client(clock, auth) as made:
        made.request("GET", "/orders")
        made.request("POST", "/graphql", json={"query": "{ a }"}, headers={"X-Shop": "5"})
    assert [asked.headers.get(header) for asked in api.asked] == [value, value]
    assert json.loads(api.asked[1].body) == {"query": "{ a }"}
    assert api.asked[1].headers["content-type"] == "application/json"
    assert api.asked[1].headers["x-shop"] == "5"


def test_requests_are_signed_in_a_parameter(api: ScriptedApi, clock: HandClock) -> None:
    with client(clock, {"type": "api_key", "parameter": "key"}) as made:
        made.request("GET", "/orders", parameters={"n": 1})
    assert api.asked[0].parameters == {"n": "1", "key": SECRET}


@pytest.mark.parametrize(
    ("auth", "fields", "told"),
    [
        ({"type": "api_key", "header": "X-Key"}, {"login": "ana"}, "no password"),
        ({"type": "bearer"}, {}, "no password"),
        ({"type": "basic"}, {"password": "x"}, "no login"),
        (OAUTH, {"password": "x"}, "no login"),
        (OAUTH, {"login": "x"}, "no password"),
    ],
)
def test_a_connection_without_what_auth_needs_is_told(
    api: ScriptedApi,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    auth: dict[str, Any],
    fields: dict[str, str],
    told: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(**fields))
    with pytest.raises(SourceError, match=f"'shop_api' has {told}"), client(clock, auth):
        pass
    assert api.asked == []


def test_headers_of_the_extra_are_sent(
    api: ScriptedApi, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(extra={"X-Tenant": "7", "timeout": 5}))
    with client(clock) as made:
        made.request("GET", "/orders")
    assert api.asked[0].headers["x-tenant"] == "7"
    assert "timeout" not in api.asked[0].headers


def test_a_redirect_on_the_same_origin_is_followed_and_signed(api: ScriptedApi, clock: HandClock) -> None:
    api.script = [
        Reply(b"", 301, {"Location": "/v2/orders?n=1"}),
        Reply(b"", 307, {"Location": f"{api.url}/v3"}),
    ]
    with client(clock, {"type": "bearer"}) as made:
        made.request("GET", "/orders", parameters={"n": 1})
    assert [(a.path, a.parameters) for a in api.asked] == [
        ("/orders", {"n": "1"}),
        ("/v2/orders", {"n": "1"}),
        ("/v3", {}),
    ]
    assert {asked.headers["authorization"] for asked in api.asked} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    "auth",
    [{"type": "none"}, {"type": "bearer"}, {"type": "basic"}, {"type": "api_key", "parameter": "key"}],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(
    api: ScriptedApi, other: ScriptedApi, clock: HandClock, auth: dict[str, Any], status: int
) -> None:
    api.script = [Reply(b"", status, {"Location": f"{other.url}/orders"})]
    with (
        client(clock, auth) as made,
        pytest.raises(SourceError, match=f"on to {other.url}, which is another"),
    ):
        made.request("GET", "/orders")
    assert other.asked == []


def test_a_page_of_another_host_is_not_asked_for(
    api: ScriptedApi, other: ScriptedApi, clock: HandClock
) -> None:
    with client(clock, {"type": "bearer"}) as made:
        for url in (
            f"{other.url}/orders",
            f"//127.0.0.1:{other.port}/orders",
            f"https://127.0.0.1:{api.port}/",
        ):
            with pytest.raises(SourceError, match="another origin"):
                made.request("GET", url)
        with pytest.raises(SourceError, match="another origin"):
            made.request("GET", f"http://ana@127.0.0.1:{api.port}/orders")
    assert other.asked == api.asked == []


def test_a_circle_of_redirects_is_left(api: ScriptedApi, clock: HandClock) -> None:
    api.handler = lambda asked: Reply(b"", 302, {"Location": "/orders"})
    with client(clock) as made, pytest.raises(SourceError, match="redirect 6 in a row"):
        made.request("GET", "/orders")
    assert len(api.asked) == 6


def test_a_post_is_not_made_a_get_by_a_redirect(api: ScriptedApi, clock: HandClock) -> None:
    api.script = [Reply(b"", 302, {"Location": "/other"})]
    with client(clock) as made, pytest.raises(SourceError, match="POST is not redirected so"):
        made.request("POST", "/graphql", json={})
    api.script = [Reply(b"", 308, {"Location": "/other"})]
    with client(clock) as made:
        made.request("POST", "/graphql", json={"query": "q"})
    assert [(a.method, a.path, a.body) for a in api.asked[-1:]] == [("POST", "/other", b'{"query":"q"}')]


def test_html_with_status_200_is_no_answer(api: ScriptedApi, clock: HandClock) -> None:
    api.script = [Reply(b"<html><body>Please sign in</body></html>", headers={"Content-Type": "text/html"})]
    with (
        client(clock) as made,
        pytest.raises(SourceError, match=r"200 OK: '<html>.*Please sign in.*not JSON"),
    ):
        made.request("GET", "/orders")
    assert len(api.asked) == 1


def test_a_fault_far_into_an_answer_is_shown(api: ScriptedApi, clock: HandClock) -> None:
    api.script = [Reply(b"[" + b'{"a":1},' * 1000 + b'{"reading":NaN}]')]
    with client(clock) as made, pytest.raises(SourceError, match=r"near '.*\"reading\":NaN"):
        made.request("GET", "/orders")


def test_a_byte_order_mark_and_gzip_are_taken_off(api: ScriptedApi, clock: HandClock) -> None:
    body = gzip.compress(b"\xef\xbb\xbf[1.10]")
    api.script = [Reply(body, headers={"Content-Encoding": "gzip"})]
    with client(clock) as made:
        assert made.request("GET", "/orders").body == b"[1.10]"


def test_an_answer_that_says_there_is_no_content_is_empty(api: ScriptedApi, clock: HandClock) -> None:
    api.script = [Reply(b"", 204)]
    with client(clock) as made:
        answer = made.request("GET", "/orders")
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("packed", [False, True])
def test_a_page_over_the_bound_is_refused_and_names_size(
    api: ScriptedApi, clock: HandClock, packed: bool
) -> None:
    most = http_exchange.MAX_BODY_BYTES
    body = b"[" + b" " * most + b"]"
    api.script = [
        Reply(gzip.compress(body, 1), headers={"Content-Encoding": "gzip"}) if packed else Reply(body)
    ]
    with client(clock) as made, pytest.raises(SourceError, match=r"more than 64 MB in one answer; .* `size`"):
        made.request("GET", "/orders")


class TestClientCredentials:
    """OAuth 2: one token for many requests, renewed in time, and once when it is refused."""

    @pytest.fixture
    def tokens(self, api: ScriptedApi) -> list[str]:
        """The tokens that the API knows; it gives out the last one."""
        known = ["token-1"]

        def handler(asked: Asked) -> Reply:
            if asked.path == "/oauth/token":
                return Reply({"access_token": known[-1], "token_type": "bearer", "expires_in": 3600})
            good = asked.headers.get("authorization") == f"Bearer {known[-1]}"
            return Reply({"data": []}) if good else Reply({"error": "expired"}, 401)

        api.handler = handler
        return known

    def paths(self, api: ScriptedApi) -> list[str]:
        return [asked.path for asked in api.asked]

    def test_one_token_serves_all_requests(
        self, api: ScriptedApi, clock: HandClock, tokens: list[str]
    ) -> None:
        with client(clock, {**OAUTH, "scope": "read all", "audience": "shop"}) as made:
            for _ in range(3):
                made.request("GET", "/orders")
        assert self.paths(api) == ["/oauth/token", "/orders", "/orders", "/orders"]
        asked = api.asked[0]
        assert (asked.method, asked.body) == (
            "POST",
            b"grant_type=client_credentials&scope=read+all&audience=shop",
        )
        login = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
        # RFC 6749, section 2.3.1: form-encoded, so that a colon or a percent sign is no riddle.
        assert login == "ana:p%26ss+%22w%2Brd%2F%3D"

    def test_a_token_is_renewed_before_it_expires(
        self, api: ScriptedApi, clock: HandClock, tokens: list[str]
    ) -> None:
        with client(clock, OAUTH) as made:
            made.request("GET", "/orders")
            clock.sleep(3600 - 60 - 1)
            made.request("GET", "/orders")
            clock.sleep(1)
            made.request("GET", "/orders")
        assert self.paths(api) == ["/oauth/token", "/orders", "/orders", "/oauth/token", "/orders"]

    def test_a_token_that_is_refused_is_renewed_once(
        self, api: ScriptedApi, clock: HandClock, tokens: list[str]
    ) -> None:
        with client(clock, OAUTH) as made:
            made.request("GET", "/orders")
            tokens.append("token-2")
            assert made.request("GET", "/orders").status == 200
        assert self.paths(api) == ["/oauth/token", "/orders", "/orders", "/oauth/token", "/orders"]
        assert api.asked[-1].headers["authorization"] == "Bearer token-2"

    def test_a_new_token_that_is_refused_too_is_permanent(
        self, api: ScriptedApi, clock: HandClock, tokens: list[str]
    ) -> None:
        given = api.handler
        api.handler = lambda asked: (
            given(asked)
            if asked.path == "/oauth/token"
            else Reply({"saw": asked.headers["authorization"]}, 401)
        )
        with (
            client(clock, OAUTH) as made,
            pytest.raises(SourceError, match="does not take the login") as error,
        ):
            made.request("GET", "/orders")
        assert self.paths(api) == ["/oauth/token", "/orders"] * 2
        assert "token-1" not in str(error.value)

    def test_a_server_that_takes_the_login_in_the_form_only_is_served(
        self, api: ScriptedApi, clock: HandClock, tokens: list[str]
    ) -> None:
        given = api.handler
        api.handler = lambda asked: (
            Reply({"error": "invalid_client"}, 401)
            if asked.path == "/oauth/token" and b"client_secret=" not in asked.body
            else given(asked)
        )
        with client(clock, OAUTH) as made:
            made.request("GET", "/orders")
            clock.sleep(3600)
            made.request("GET", "/orders")
        assert self.paths(api) == ["/oauth/token"] * 2 + ["/orders", "/oauth/token", "/orders"]
        assert b"client_id=ana&client_secret=p%26ss+%22w%2Brd%2F%3D" in api.asked[1].body
        assert "authorization" not in api.asked[1].headers

    def test_a_wrong_secret_is_permanent_and_not_told(
        self, api: ScriptedApi, clock: HandClock, tokens: list[str]
    ) -> None:
        api.handler = lambda asked: Reply({"error": "invalid_client", "saw": asked.body.decode()}, 401)
        with (
            client(clock, OAUTH) as made,
            pytest.raises(SourceError, match=r"gives no token.*'shop_api'") as error,
        ):
            made.request("GET", "/orders")
        assert self.paths(api) == ["/oauth/token"] * 2
        assert "p%26ss" not in str(error.value)

    def test_a_token_endpoint_that_is_down_may_come_back(
        self, api: ScriptedApi, clock: HandClock, tokens: list[str]
    ) -> None:
        api.handler = lambda asked: Reply(b"", 503)
        with client(clock, OAUTH) as made, pytest.raises(PassingError, match="/oauth/token failed"):
            made.request("GET", "/orders")
        assert self.paths(api) == ["/oauth/token"] * 8

    @pytest.mark.parametrize(
        "body",
        [
            b"<html>",
            b'{"token": "hunter2"}',
            b'{"access_token": ""}',
            b'{"access_token": "a\\nb"}',
            b'{"access_token": "hunter2", "token_type": "mac"}',
            b"[]",
        ],
    )
    def test_what_is_no_token_is_told_and_not_shown(
        self, api: ScriptedApi, clock: HandClock, body: bytes
    ) -> None:
        api.handler = lambda asked: Reply(body)
        with (
            client(clock, OAUTH) as made,
            pytest.raises(SourceError, match="no token of type Bearer") as error,
        ):
            made.request("GET", "/orders")
        assert "hunter2" not in str(error.value)

    def test_a_token_without_an_end_is_kept(self, api: ScriptedApi, clock: HandClock) -> None:
        api.handler = lambda asked: Reply({"access_token": "t"})
        with client(clock, OAUTH) as made:
            made.request("GET", "/orders")
            clock.sleep(1_000_000)
            made.request("GET", "/orders")
        assert self.paths(api) == ["/oauth/token", "/orders", "/orders"]


AUTHS: list[dict[str, Any]] = [
    {"type": "api_key", "header": "X-Api-Key"},
    {"type": "api_key", "parameter": "key"},
    {"type": "bearer"},
    {"type": "basic"},
]


def forms(asked: Asked) -> list[str]:
    """The key in each form in which an API could repeat it."""
    return [
        SECRET,
        json.dumps(SECRET),
        "p%26ss+%22w%2Brd%2F%3D",
        "p%26ss%20%22w%2Brd%2F%3D",
        BASIC,
        json.dumps(dict(asked.headers)),
        json.dumps(asked.parameters),
    ]


def hidden(text: str) -> bool:
    return not any(part in text for part in ("p&ss", "p%26ss", "w+rd", "w%2Brd", BASIC.split()[1]))


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 503])
def test_no_secret_is_in_an_error_or_a_log(
    api: ScriptedApi,
    clock: HandClock,
    caplog: pytest.LogCaptureFixture,
    auth: dict[str, Any],
    status: int,
) -> None:
    for name in ("httpx", "include.headrace"):
        caplog.set_level(logging.DEBUG, name)
    where = {"Location": f"//other.example/?key={SECRET}"} if status == 301 else {}
    with client(clock, auth) as made:
        for number in range(len(forms(Asked("GET", "", {}, {}, b"")))):
            api.handler = lambda asked, number=number: Reply(  # type: ignore[misc]
                f"saw {forms(asked)[number]}".encode(), status, where
            )
            with pytest.raises((SourceError, PassingError)) as error:
                made.request("GET", "/orders", parameters={"n": 1})
            assert hidden(str(error.value)), error.value
    assert "GET" in caplog.text
    assert hidden(caplog.text)
    sent = " ".join([*api.asked[0].headers.values(), *api.asked[0].parameters.values()])
    assert not hidden(sent)


def test_a_key_that_the_api_repeats_in_the_next_pages_url_is_neither_logged_nor_doubled(
    api: ScriptedApi, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "httpx")
    with client(clock, {"type": "api_key", "parameter": "key"}) as made:
        answer = made.request("GET", f"{api.url}/orders?page=2&key=p%26ss+%22w%2Brd%2F%3D")
    assert api.asked[0].parameters == {"page": "2", "key": SECRET}
    assert answer.url == f"{api.url}/orders?page=2"
    assert "page=2" in caplog.text
    assert hidden(caplog.text)


def test_a_key_with_a_line_end_is_told_and_not_shown(
    api: ScriptedApi, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(password="hunter2\n"))
    with (
        client(clock, {"type": "bearer"}) as made,
        pytest.raises(SourceError, match="Look for line ends") as error,
    ):
        made.request("GET", "/orders")
    assert "hunter2" not in str(error.value)


def test_proxies_of_the_environment_are_not_used(
    api: ScriptedApi, other: ScriptedApi, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with client(clock) as made:
        made.request("GET", "/orders")
    assert len(api.asked) == 1
    assert other.asked == []
