"""Faults of the file as a whole: each is one clear line, and none is a traceback of the parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.headrace.config import load_source
from include.headrace.errors import ConfigError
from tests.config.conftest import Errors


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file_is_named_as_such(errors: Errors, text: str) -> None:
    assert errors(text.encode()) == ["shop.yml:1: The file is empty; begin it with `kind:`."]


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "42\n"])
def test_a_file_that_is_no_mapping_is_refused(errors: Errors, text: str) -> None:
    assert errors(text.encode()) == ["shop.yml:1: The file is not a mapping; begin it with `kind:`."]


def test_a_tab_is_named_with_its_line(errors: Errors) -> None:
    assert errors(b"kind: csv\ntables:\n\t- name: a\n") == [
        "shop.yml:3: A tab is used where YAML wants spaces; indent with spaces."
    ]


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(errors: Errors) -> None:
    assert errors(b"kind: csv\n# caf\xe9\n") == ["shop.yml:2: The file is not UTF-8 text; save it as UTF-8."]


def test_a_control_character_is_refused_with_the_line(errors: Errors) -> None:
    assert errors(b"kind: csv\nlocation: a\x00b\n") == [
        "shop.yml:2: The file holds a control character; remove it."
    ]


def test_two_documents_in_a_file_are_refused(errors: Errors) -> None:
    [line] = errors(b"kind: csv\n---\nkind: parquet\n")
    assert line == "shop.yml:2: The file holds several documents; keep one source a file and remove `---`."


@pytest.mark.parametrize(
    "text", [b"kind: [csv\n", b'kind: "csv\n', b"kind: csv: x\n", b"kind: @daily\n", b"kind: !x 1\n"]
)
def test_text_that_is_not_yaml_is_refused_with_a_line(errors: Errors, text: bytes) -> None:
    [line] = errors(text)
    assert line.startswith(("shop.yml:1: This is not YAML: ", "shop.yml:2: This is not YAML: "))


def test_an_alias_that_holds_itself_is_refused(errors: Errors) -> None:
    assert errors(b"kind: csv\ntables: &a\n  - *a\n") == [
        "shop.yml:2: An alias holds itself; write the value out."
    ]


def test_an_impossible_date_is_refused(errors: Errors) -> None:
    [line] = errors(b"kind: csv\nlocation: 2013-13-45\n")
    assert "write it in quotes" in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"gone\.yml: The file cannot be read \(No such file or "
        r"directory\)",
    ):
        load_source(tmp_path / "gone.yml")


def test_a_key_given_twice_is_an_error_even_when_all_else_is_right(errors: Errors) -> None:
    text = """
        kind: postgres
        connection: shop
        connection: other
        tables:
          - name: orders
            name: items
        """
    assert errors(text) == [
        "shop.yml:3: connection: is given twice, first in line 2; keep one.",
        "shop.yml:6: tables[0].name: is given twice, first in line 5; keep one.",
    ]


@pytest.mark.parametrize("name", ["Shop", "2shop", "my-shop", "shop_", "a__b", "_shop", "caf\u00e9"])
def test_a_file_name_that_makes_no_good_name_is_refused(errors: Errors, name: str) -> None:
    [line] = errors("kind: csv\nlocation: x\ntables: [{name: a, path: a.csv}]\n", f"{name}.yml")
    assert f"name: comes from the file's name, and {name!r} will not do; rename the file" in line


@pytest.mark.parametrize("name", ["headrace", "public", "information_schema"])
def test_a_name_of_a_schema_that_raw_needs_is_refused(errors: Errors, name: str) -> None:
    [line] = errors("kind: csv\nlocation: x\ntables: [{name: a, path: a.csv}]\n", f"{name}.yml")
    assert f"is taken: {name!r} is a schema that RAW needs itself" in line


def test_a_name_in_the_file_is_refused_because_the_file_gives_it(errors: Errors) -> None:
    [line] = errors("kind: csv\nname: store\nlocation: x\ntables: [{name: a, path: a.csv}]\n")
    assert line == (
        "shop.yml:2: name: is not a field: the file's name gives it (shop); remove it, or rename the file."
    )
