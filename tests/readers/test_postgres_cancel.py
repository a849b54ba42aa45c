"""A task that fails while PostgreSQL is still at work ends its statements, and leaves none behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.headrace.parts import write_parts
from include.headrace.readers.base import Span
from tests.support.reading import postgres_reader

RUNNING = "select count(*) from pg_stat_activity where application_name = 'headrace' and state = 'active'"


def test_a_signal_ends_a_read_that_waits_for_the_server(sql: Callable[..., Any], tmp_path: Path) -> None:
    sql("""
        create function slow() returns int language sql volatile as 'select 1 from pg_catalog.pg_sleep(3600)';
        create view items as select slow() as id
    """)

    def expired(number: int, frame: Any) -> None:
        raise TimeoutError("the task took too long")

    before = signal.signal(signal.SIGALRM, expired)
    try:
        with (
            pytest.raises(TimeoutError, match="the task took too long"),
            postgres_reader("shop_postgres", "items").open(Span()) as extraction,
        ):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            write_parts(extraction, tmp_path, on_file=lambda path, staged: None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert [one.name for one in threading.enumerate() if one.name.startswith("headrace-")] == []
    for _ in range(100):
        if sql(RUNNING) == [(0,)]:
            break
        time.sleep(0.1)
    assert sql(RUNNING) == [(0,)]
