"""docs/values.md: a section a kind of source, written from cases that were just checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from include.headrace.settings import PROJECT_ROOT
from tests.values.loading import Checked

PAGE = PROJECT_ROOT / "docs" / "values.md"
COMMAND = ".venv/bin/python -m pytest tests/values --write-page"
LONGEST = 90
"""So many characters of a value are shown."""

STAGED = "Checked in the staged file: the local Snowflake does not hold it."


def rendered(checked: Sequence[Checked]) -> str:
    """The section of one kind: how many values, and a row each."""
    outcomes = Counter(one.case.outcome for one in checked)
    types = len({one.case.type for one in checked})
    summary = (
        f"{len(checked)} values of {types} types: {outcomes['equal']} arrive equal, "
        f"{outcomes['quarantined']} are quarantined."
    )
    if outcomes["refused"]:
        summary = f"{outcomes['refused']} are refused."
    lines = [
        summary,
        "",
        "| type | value | lands as | outcome | |",
        "|---|---|---|---|---|",
    ]
    for one in checked:
        case = one.case
        told = {"quarantined": "reason", "refused": "error"}.get(case.outcome)
        said = [f"{told}: {_code(one.reason)}"] if told else []
        said += [case.note] if case.note else []
        said += [STAGED] if case.seen_in == "staged" else []
        cells = [_code(case.type), _code(case.value), _code(case.lands), case.outcome, " ".join(said)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def check_page(kind: str, checked: Sequence[Checked], *, write: bool, page: Path = PAGE) -> None:
    """Hold the committed section of a kind against the checked cases, or write it.

    Raises AssertionError, naming the command that writes it, when the two differ.
    """
    text = page.read_text()
    begin, end = f"<!-- begin {kind} -->\n", f"\n<!-- end {kind} -->"
    before, found, rest = text.partition(begin)
    section, closed, after = rest.partition(end)
    assert found and closed, f"{page.name} has no {begin.strip()} and {end.strip()} to stand between"
    new = rendered(checked)
    if write:
        page.write_text(before + begin + new + end + after)
        return
    assert section == new, f"docs/{page.name} does not show what was checked; write it with: {COMMAND}"


def _code(text: str) -> str:
    """Text as code within a cell: control characters as escapes, cut where it is long."""
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    if len(shown) > LONGEST:
        shown = shown[:LONGEST] + "..."
    ticks = "``" if "`" in shown else "`"
    pad = " " if "`" in shown else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}".replace("|", "\\|") if shown else ""
