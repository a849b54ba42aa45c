"""The examples of the page on loads are read as source files are, and the tests it names are there."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
import yaml

from include.headrace.config import PostgresSource
from include.headrace.config.models import Contract
from include.headrace.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "loads.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHORT = re.findall(r"`((?:readers|max_shrink|max_quarantined): [^`]+)`", PAGE)
TABLE = {"name": "orders", "primary_key": ["id"], "cursor": "changed", "disposition": "merge"}


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 1
    assert len(SHORT) >= 1


@pytest.mark.parametrize("text", [*EXAMPLES, *SHORT])
def test_an_example_is_part_of_a_table(text: str) -> None:
    fields: dict[str, Any] = yaml.safe_load(text)
    data = {"name": "shop", "kind": "postgres", "connection": "shop", "tables": [{**TABLE, **fields}]}
    [table] = PostgresSource.model_validate(data).tables
    assert set(fields) <= table.model_fields_set


def cells() -> list[tuple[str, str]]:
    """The cells of the table of changed columns: contract and change, and what is in the cell."""
    lines = PAGE.split("## When columns change")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    heads, _, *body = rows
    return [
        (f"{row[0]}, {head}", cell) for row in body for head, cell in list(zip(heads, row, strict=True))[1:]
    ]


def test_the_table_of_changed_columns_has_a_column_a_contract() -> None:
    assert {place.split(", ")[-1] for place, _ in cells()} == set(get_args(Contract))
    assert len(cells()) >= 18


@pytest.mark.parametrize(("place", "cell"), cells(), ids=[place for place, _ in cells()])
def test_a_cell_names_tests_that_are_there(place: str, cell: str) -> None:
    code = (PROJECT_ROOT / "tests" / "load" / "test_contract.py").read_text()
    found = re.search(r"\[([^]]+)\]$", cell)
    assert found is not None, place
    assert [name for name in found[1].split(", ") if f"\ndef test_{name}(" not in code] == []
