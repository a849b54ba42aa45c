"""dbt docs in the UI: Airflow's API server, with the project's plugins, gives them to no stranger."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from include.headrace.airflow_api import AirflowApi
from include.headrace.demo.environment import airflow_environment, base_environment, load_secrets
from include.headrace.demo.platform import MIGRATE_SECONDS, START_SECONDS
from include.headrace.demo.processes import Processes, RunFile
from include.headrace.demo.server_process import HOST, USER, free_port
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform.docs_site import keep_docs

PAGE = b"<!doctype html><title>dbt docs</title>the secret structure of the warehouse"
URL = "/dbt-docs/"


@dataclass(frozen=True)
class Server:
    """A running API server, a token of its user, and where it looks for the page."""

    url: str
    token: str
    docs: Path

    def get(self, path: str, **options: object) -> httpx.Response:
        """One request, past whatever proxy the environment names."""
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return client.get(path, **options)  # type: ignore[arg-type]

    def get_as_it_is(self, path: str) -> tuple[int, bytes]:
        """One request of a path as it is written, dots included: status and body."""
        address = urlsplit(self.url)
        connection = HTTPConnection(str(address.hostname), address.port)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("airflow")
    port = free_port()
    keys = load_secrets(home / "secrets.json")
    metadata = f"sqlite:///{home}/airflow.db"
    env = {
        **base_environment(os.environ),
        **airflow_environment(home, port, metadata, keys, schedules=False),
        "AIRFLOW_HOME": str(home),
        "HEADRACE_DOCS": str(home / "docs"),
    }
    processes = Processes(RunFile(home / "run.json"), home / "logs")
    airflow = [sys.executable, "-m", "airflow"]
    api = AirflowApi(f"http://{HOST}:{port}", direct=True)
    try:
        processes.start("migrate", [*airflow, "db", "migrate"], env, PROJECT_ROOT)
        processes.finish("migrate", MIGRATE_SECONDS)
        command = [*airflow, "api-server", "--host", HOST, "--port", str(port)]
        processes.start("api-server", command, env, PROJECT_ROOT)
        processes.wait_until("api-server", api.answers, START_SECONDS)
        login = {"username": USER, "password": keys.ui_password}
        token = str(api.call("POST", "/auth/token", login)["access_token"])
        yield Server(api.url, token, home / "docs")
    finally:
        api.close()
        processes.stop()


@pytest.fixture
def kept(server: Server) -> None:
    keep_docs(PAGE, str(server.docs))


@pytest.mark.usefixtures("kept")
def test_who_is_signed_in_gets_the_page_by_cookie_or_token(server: Server) -> None:
    for headers in ({"Cookie": f"_token={server.token}"}, {"Authorization": f"Bearer {server.token}"}):
        reply = server.get(URL, headers=headers)
        assert (reply.status_code, reply.content) == (HTTPStatus.OK, PAGE)
        assert reply.headers["content-type"].startswith("text/html")
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("kept")
def test_nobody_else_gets_it(server: Server) -> None:
    head, _, signature = server.token.rpartition(".")
    forged = f"{head}.{signature[::-1]}"
    for headers in ({}, {"Cookie": f"_token={forged}"}, {"Authorization": f"Bearer {forged}"}):
        reply = server.get(URL, headers=headers)
        assert reply.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        assert b"secret structure" not in reply.content


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "path",
    [
        "/dbt-docs/index.html",
        "/dbt-docs/openapi.json",
        "/dbt-docs/docs",
        "/dbt-docs/../secrets.json",
        "/dbt-docs/../../../../../../etc/passwd",
        "/dbt-docs/%2e%2e/secrets.json",
        "/dbt-docs/..%2fsecrets.json",
        "/dbt-docs//etc/passwd",
    ],
)
def test_it_is_the_only_thing_there(server: Server, path: str) -> None:
    assert (server.docs.parent / "secrets.json").exists()
    status, body = server.get_as_it_is(path)
    assert status == HTTPStatus.NOT_FOUND
    for held in (PAGE, b"fernet_key", b"root:", b"openapi"):
        assert held not in body


def test_before_the_first_page_it_says_what_to_run(server: Server) -> None:
    (server.docs / "index.html").unlink(missing_ok=True)
    reply = server.get(URL, headers={"Authorization": f"Bearer {server.token}"})
    assert reply.status_code == HTTPStatus.NOT_FOUND
    assert "python -m include.headrace docs" in reply.text


def test_it_is_in_the_navigation_and_cosmos_shows_no_documents_of_its_own(server: Server) -> None:
    found = server.get("/api/v2/plugins", headers={"Authorization": f"Bearer {server.token}"}).json()
    views = {view["name"]: view for plugin in found["plugins"] for view in plugin["external_views"]}
    assert views["dbt docs"]["href"] == URL
    assert views["dbt docs"]["destination"] == "nav"
    assert not [name for name in views if "dbt" in name.lower() and name != "dbt docs"]
    of_cosmos = server.get("/cosmos/openapi.json").json()["paths"]
    assert [path for path in of_cosmos if "docs" in path or path.endswith(".json")] == []
