"""The client against a server of the tests' own: what it says, ignores and raises."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from include.headrace.airflow_api import AirflowApi, AirflowApiError, RefusedError

Replies = dict[str, tuple[int, object]]


@pytest.fixture
def api() -> Iterator[Callable[[Replies], AirflowApi]]:
    """An Airflow that replies as told, by path."""
    servers: list[ThreadingHTTPServer] = []

    def start(replies: Replies) -> AirflowApi:
        class Handler(BaseHTTPRequestHandler):
            def reply(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = replies[self.path]
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PUT = do_PATCH = do_DELETE = reply  # noqa: N815 - named by http.server

            def log_message(self, format: str, *arguments: object) -> None:
                """Keep quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return AirflowApi(f"http://127.0.0.1:{server.server_port}", "token", direct=True)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_refusal_carries_airflow_s_reason_and_its_status(api: Callable[[Replies], AirflowApi]) -> None:
    client = api({"/api/v2/dags/x/dagRuns": (409, {"detail": "a run is queued"})})
    with pytest.raises(RefusedError, match="a run is queued") as caught:
        client.trigger("x")
    assert caught.value.status == 409


def test_no_queued_assets_is_no_error_and_anything_else_is(api: Callable[[Replies], AirflowApi]) -> None:
    path = "/api/v2/dags/x/assets/queuedEvents"
    api({path: (404, {"detail": "none"})}).forget_queued_assets("x")
    with pytest.raises(RefusedError):
        api({path: (403, {"detail": "not yours"})}).forget_queued_assets("x")


def test_a_file_that_waits_to_be_parsed_may_be_asked_for_again(api: Callable[[Replies], AirflowApi]) -> None:
    path = "/api/v2/parseDagFile/abc"
    api({path: (409, {"detail": "Unique constraint violation"})}).parse_again({"file_token": "abc"})
    with pytest.raises(RefusedError):
        api({path: (404, {"detail": "no such file"})}).parse_again({"file_token": "abc"})


def test_pools_that_could_not_be_made_are_an_error(api: Callable[[Replies], AirflowApi]) -> None:
    client = api({"/api/v2/pools": (200, {"create": {"success": [], "errors": [{"error": "too small"}]}})})
    with pytest.raises(AirflowApiError, match="too small"):
        client.set_pools({"dbt": -7}, "Headrace")
