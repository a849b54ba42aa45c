"""A source that is added while everything runs gets its pool, against a server of the tests' own."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from include.headrace import settings
from include.headrace.airflow_api import AirflowApi
from include.headrace.config import source_names
from include.headrace.demo.job import make_pools, states_of_sources
from include.headrace.demo.platform import Platform

SHOP = """
kind: csv
location: data/shop
concurrency: 3
tables:
  - {name: orders, path: orders.csv}
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sources that may change."""
    folder = Path(shutil.copytree(settings.SOURCES_DIR, tmp_path / "sources"))
    monkeypatch.setattr(settings, "SOURCES_DIR", folder)
    return folder


@pytest.fixture
def airflow() -> Iterator[tuple[Platform, list[dict[str, Any]]]]:
    """What make_pools needs of a platform, and the requests that changed pools."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/api/v2/pools":
                assert self.headers["Authorization"] == "Bearer new"
                asked.append(body)
            content = json.dumps({"access_token": "new"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = reply  # noqa: N815 - named by http.server

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = AirflowApi(f"http://127.0.0.1:{server.server_port}", "expired", direct=True)
    yield cast("Platform", SimpleNamespace(api=api, keys=SimpleNamespace(ui_password="secret"))), asked
    api.close()
    server.shutdown()
    server.server_close()


def test_a_new_source_gets_its_pool(sources: Path, airflow: tuple[Platform, list[dict[str, Any]]]) -> None:
    platform, asked = airflow
    before = states_of_sources()
    (sources / "shop.yml").write_text(SHOP)
    assert states_of_sources() != before
    assert "shop" in source_names()
    said: list[str] = []
    make_pools(platform, said.append)
    assert said == []
    [request] = asked
    slots = {pool["name"]: pool["slots"] for pool in request["actions"][0]["entities"]}
    assert slots["source__shop"] == 3
    assert "source__reference" in slots


def test_a_source_that_is_wrong_is_told_and_stops_nothing(
    sources: Path, airflow: tuple[Platform, list[dict[str, Any]]]
) -> None:
    platform, asked = airflow
    (sources / "shop.yml").write_text(SHOP.replace("location", "locaton"))
    said: list[str] = []
    make_pools(platform, said.append)
    assert asked == []
    [message] = said
    assert message.startswith("error: ")
    assert "shop.yml" in message
    assert "locaton" in message
