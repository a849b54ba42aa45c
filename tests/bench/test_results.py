"""Medians, spreads and the page's cells are those of the runs."""

from __future__ import annotations

from bench.measuring import Run
from bench.page import table_text
from bench.results import Row, Table


def runs(*seconds: float) -> list[Run]:
    return [Run(seconds=one, cpu_seconds=one / 2, memory_mb=one * 10) for one in seconds]


def row(peer: str, *seconds: float, ours: bool = False) -> Row:
    return Row(peer, "1.0", 1000, runs(*seconds), "exact", ours=ours)


def test_the_rate_is_of_the_median_run_and_the_spread_of_the_extremes() -> None:
    measured = row("a", 5.0, 1.0, 2.0, 4.0, 10.0)
    assert measured.rate == 250
    assert measured.spread == (100, 1000)
    assert measured.cpu_seconds == 2
    assert measured.memory_mb == 100


def test_a_table_shows_each_peer_against_ours() -> None:
    lines = table_text(Table("t", [row("ours", 2.0, ours=True), row("other", 4.0, 5.0, 8.0)])).splitlines()
    assert lines[2] == "| ours (1.0) | 500 | 500 to 500 | 1.00 | 1.00 | 20 | 1 | exact |"
    assert lines[3] == "| other (1.0) | 200 | 125 to 250 | 0.40 | 2.50 | 80 | 3 | exact |"


def test_a_peer_that_failed_shows_its_error_and_no_figure() -> None:
    failed = Row("other", "1.0", 1000, runs(1.0), error="no a|b here")
    line = table_text(Table("t", [row("ours", 2.0, ours=True), failed])).splitlines()[3]
    assert line == r"| other (1.0) | - | - | - | - | - | - | error: no a\|b here |"


def test_the_best_of_several_is_the_fastest_that_did_not_fail() -> None:
    failed = Row("dlt, a", "1.0", 1000, runs(0.1), error="broke off")
    table = Table("t", [failed, row("dlt, b", 4.0), row("dlt, c", 2.0)])
    best = table.best("dlt")
    assert best is not None and best.peer == "dlt, c"
