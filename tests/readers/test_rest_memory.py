"""An endpoint of any number of pages is read in bounded memory: 300 MB above the interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.headrace.settings import PROJECT_ROOT
from tests.support.scripted_api import Asked, Reply, ScriptedApi

LIMIT_MB = 300
PAGES = 2_000
RECORDS = 10
TEXT = "x" * 20_000
"""With it the pages take 400 MB: a reader that holds them all passes the limit."""


def took_mb(pages: int, records: int, text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The memory of a read of so many pages of so many records that hold this text."""

    def answer(asked: Asked) -> Reply:
        number = int(asked.parameters.get("cursor", 0))
        found = ",".join([f'{{"id": {number * records + n}, "text": "{text}"}}' for n in range(records)])
        following = number + 1 if number + 1 < pages else "null"
        return Reply(f'{{"data": [{found}], "next": {following}}}'.encode())

    api = ScriptedApi().start()
    api.handler = answer
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection())
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.readers.rest_memory_probe", "shop_api"],
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


def test_thousands_of_pages_are_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert took_mb(PAGES, RECORDS, TEXT, monkeypatch) < LIMIT_MB


def test_pages_of_nearly_the_bound_are_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    # 60 MB a page.
    assert took_mb(3, 60_000, "x" * 970, monkeypatch) < LIMIT_MB
