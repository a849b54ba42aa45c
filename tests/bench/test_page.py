"""A run of some sections replaces those on the page and no other."""

from __future__ import annotations

from pathlib import Path

from bench import page
from bench.gates import Gate
from bench.measuring import Run
from bench.page import Circumstances
from bench.results import Row, Table
from bench.sections import Section


def section(name: str, seconds: float) -> Section:
    row = Row("headrace", "", 1000, [Run(seconds, 1.0, 10.0)], "exact", ours=True)
    gate = Gate("speed", "at least 0.9", "0.50", met=False)
    return Section(name, [Table("narrow", [row])], [gate], {"headrace": "1 of 1 exact"})


def written(path: Path, name: str, seconds: float, date: str) -> None:
    circumstances = Circumstances(date, f"python -m bench --only {name}", "one machine")
    page.write(path, {name: page.render(section(name, seconds), circumstances)})


def test_a_partial_run_keeps_the_other_sections_with_their_own_dates(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    written(path, "mysql", 1.0, "2026-01-01")
    written(path, "postgres", 2.0, "2026-01-02")
    before = page.sections_of(path.read_text())
    written(path, "postgres", 4.0, "2026-01-03")
    after = page.sections_of(path.read_text())
    assert list(after) == ["postgres", "mysql"]
    assert after["mysql"] == before["mysql"]
    assert "2026-01-01, `python -m bench --only mysql`, one machine." in after["mysql"]
    assert "2026-01-03" in after["postgres"] and "2026-01-02" not in path.read_text()
    assert "| headrace | 250 | 250 to 250 | 1.00 | 1.00 | 10 | 1 | exact |" in after["postgres"]


def test_a_section_says_its_gates_and_values(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    written(path, "mysql", 1.0, "2026-01-01")
    text = path.read_text()
    assert text.startswith("# Side by side\n")
    assert "- MISSED: speed: 0.50, asked at least 0.9\n" in text
    assert "| headrace | 1 of 1 exact |" in text
