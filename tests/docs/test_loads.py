"""What the page on loads quotes is what the code says."""

from __future__ import annotations

import re

import pytest

from include.headrace.ledger import LEDGER_TABLES
from include.headrace.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "loads.md").read_text()
FOREIGN = {"No space left on device"}
"""What the operating system says."""


def said_by_the_code() -> str:
    """All strings of the program, those written in several pieces put together."""
    files = sorted((PROJECT_ROOT / "include" / "headrace").rglob("*.py"))
    text = "\n".join(path.read_text() for path in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def quoted_words() -> list[str]:
    """The words in the log, of the table of failures: between backticks in its second column."""
    table = PAGE.split("## What a failure looks like")[1]
    rows = [line.split("|") for line in table.splitlines() if re.match(r"\| (extract|load|either)", line)]
    assert len(rows) >= 15
    return [words for row in rows for words in re.findall(r"`([^`]+)`", row[2]) if words != "up_for_retry"]


@pytest.mark.parametrize("words", sorted(set(quoted_words()) - FOREIGN))
def test_the_words_of_a_failure_are_in_the_code(words: str) -> None:
    assert words in said_by_the_code()


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) >= 3
    assert [link for link in links if not (PROJECT_ROOT / "docs" / link).exists()] == []


def test_every_column_of_the_ledger_that_it_names_is_there() -> None:
    named = set(re.findall(r"\bROWS_[A-Z]+\b", PAGE))
    assert named >= {"ROWS_EXTRACTED", "ROWS_STAGED", "ROWS_LOADED"}
    assert named <= set(LEDGER_TABLES["LOADS"])
