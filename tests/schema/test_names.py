"""Folding and quoting of names."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from include.headrace.errors import SourceError
from include.headrace.names import fold, fold_columns, literal, quote


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("id", "ID"),
        ("Flight No.", "FLIGHT_NO_"),
        ("2nd", "_2ND"),
        (" a", "_A"),
        ("naïve", "NA_VE"),
        ("straße", "STRASSE"),
        ("order", "ORDER"),
        ('we"ird', "WE_IRD"),
        ("日", "_"),
    ],
)
def test_names_fold_to_capitals_digits_and_underscores(name: str, folded: str) -> None:
    assert fold(name) == folded


@given(st.text(min_size=1, max_size=80))
def test_a_folded_name_is_an_identifier_and_folds_to_itself(name: str) -> None:
    folded = fold(name)
    assert not set(folded) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
    assert not folded[0].isdigit()
    assert fold(folded) == folded


@pytest.mark.parametrize("name", ["", "x" * 256, "1" * 255])
def test_a_name_that_makes_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(SourceError):
        fold(name)


def test_columns_keep_their_order_and_their_own_names() -> None:
    assert list(fold_columns(["b", "A x", "a"]).items()) == [("b", "B"), ("A x", "A_X"), ("a", "A")]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a b", "x", "a_b"], "Columns 'a b' and 'a_b' both become A_B"),
        (["a", "a"], "Columns 'a' and 'a' both become A"),
        (["id", "_load id"], "'_load id' has the name of a column that loads add"),
        (["_Loaded_At"], "that loads add"),
    ],
)
def test_columns_that_fall_together_are_refused(names: list[str], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        fold_columns(names)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1, max_size=3))
def test_quoted_names_are_read_back_as_they_were(parts: list[str]) -> None:
    read = sqlglot.parse_one(f"select 1 from {quote(*parts)}", dialect="snowflake").find(sqlglot.exp.Table)
    assert read is not None
    assert [part.name for part in read.parts] == parts


@pytest.mark.parametrize("parts", [("",), ("a", ""), ("a\0b",)])
def test_what_is_no_name_is_not_quoted(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        quote(*parts)


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])))
def test_a_literal_is_read_back_as_it_was(text: str) -> None:
    read = sqlglot.parse_one(f"select {literal(text)}", dialect="snowflake").find(sqlglot.exp.Literal)
    assert read is not None
    assert read.this == text
