"""A connection of any number of pages is read in bounded memory: 300 MB above the interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from include.headrace.settings import PROJECT_ROOT
from tests.support.scripted_api import Asked, Reply, ScriptedApi

LIMIT_MB = 300


def took_mb(pages: int, records: int, text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The memory of a read of so many pages of so many records that hold this text."""
    nodes = [f'{{"cursor": "c", "node": {{"id": {number}, "text": "{text}"}}}}' for number in range(records)]
    edges = ",".join(nodes).encode()

    def answer(asked: Asked) -> Reply:
        number = int(json.loads(asked.body)["variables"].get("after", 0)) + 1
        info = json.dumps({"hasNextPage": number < pages, "endCursor": str(number)}).encode()
        return Reply(b'{"data": {"orders": {"edges": [%b], "pageInfo": %b}}}' % (edges, info))

    api = ScriptedApi().start()
    api.handler = answer
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection())
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.readers.graphql_memory_probe", "shop_api"],
            cwd=PROJECT_ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        api.stop()
    rows, memory = done.stdout.split()[-2:]
    assert int(rows) == pages * records
    return int(memory)


def test_a_connection_is_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    # 340 MB, in pages of nearly the bound of an answer's size.
    assert took_mb(6, 2_800, "x" * 20_000, monkeypatch) < LIMIT_MB
