"""The demo's API in tests: its server, requests to it, and readers of its tables."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from include.headrace.config import GraphqlSource, GraphqlTable
from include.headrace.demo.api.server import DemoApi

AIRLINES = """
query Airlines($first: Int!, $after: String) {
  airlines(first: $first, after: $after) {
    edges { node { code name } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

TOKEN = {"type": "oauth2_client_credentials", "token_path": "/oauth/token"}
"""How requests to the demo's GraphQL endpoint are signed."""


@dataclass(frozen=True)
class Heard:
    """An answer of the API. Header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def demo_api(home: Path, *options: str) -> Iterator[DemoApi]:
    """A server with its Airflow connections in the environment."""
    server = DemoApi(home, options).start()
    names = {f"AIRFLOW_CONN_{name.upper()}": value for name, value in server.connections().items()}
    os.environ |= names
    try:
        yield server
    finally:
        server.stop()
        for name in names:
            del os.environ[name]


def ask(
    server: DemoApi,
    path: str,
    parameters: Mapping[str, object] | None = None,
    *,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
) -> Heard:
    """One request, whatever its answer's status."""
    url = path if path.startswith("http") else server.url + path
    url += f"?{urlencode(parameters)}" if parameters else ""
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return Heard(answer.status, _small(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Heard(error.code, _small(error.headers), error.read())


def _small(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def airlines_table(**fields: Any) -> tuple[GraphqlSource, GraphqlTable]:
    """The demo's airlines as a table to load, with fields changed."""
    given = {"name": "airlines", "query": AIRLINES, "records": "airlines", "primary_key": ("code",), **fields}
    table = GraphqlTable(**given)
    source = GraphqlSource(
        name="carriers", kind="graphql", connection="carriers_api", auth=TOKEN, tables=(table,)
    )
    return source, table
