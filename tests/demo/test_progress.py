from __future__ import annotations

import io

import pytest

from include.headrace.demo.progress import Counts, count, showing


def tasks(**states: int) -> list[dict[str, object]]:
    return [
        {"dag_id": "transform", "task_id": f"{state}_{number}", "state": None if state == "none" else state}
        for state, many in states.items()
        for number in range(many)
    ]


def test_every_state_is_counted_where_a_person_looks_for_it() -> None:
    counts = count(
        tasks(success=3, skipped=1, failed=2, upstream_failed=4, up_for_retry=5, running=2, queued=6, none=7)
    )
    assert counts == Counts(total=30, done=4, failed=6, retrying=5, running=2)
    assert counts.now == ("transform running_0", "transform running_1")
    assert counts.text == "2 running, 4 of 30 done, 5 waiting to try again, 6 failed"


def test_a_log_gets_a_line_at_the_start_and_at_the_end_and_no_terminal_codes() -> None:
    output = io.StringIO()
    with showing(output) as progress:
        progress.update(count(tasks(running=2)))
        progress.update(count(tasks(running=1, success=1)))
        progress.update(count(tasks(success=2)))
        progress.update(count(tasks(success=2)))
    lines = [line.partition("  ")[2] for line in output.getvalue().splitlines()]
    assert lines == ["2 running, 0 of 2 done, 0 failed", "0 running, 2 of 2 done, 0 failed"]
    assert "\x1b" not in output.getvalue()


def test_a_terminal_shows_the_tasks_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    output = io.StringIO()
    monkeypatch.setattr(output, "isatty", lambda: True)
    with showing(output) as progress:
        progress.update(count(tasks(running=1, success=1)))
    assert "1 running, 1 of 2 done" in output.getvalue()
    assert "transform running_0" in output.getvalue()
