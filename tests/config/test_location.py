"""`location` is one text for a laptop and a deployment: variables with defaults, and nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.headrace.config import CsvSource, load_source
from tests.config.conftest import Errors


def read(folder: Path, location: str) -> str:
    path = folder / "shop.yml"
    path.write_text(f"kind: csv\nlocation: {location}\ntables: [{{name: a, path: a.csv}}]\n")
    source = load_source(path)
    assert isinstance(source, CsvSource)
    return source.location


def test_a_default_is_used_when_the_variable_is_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_FILES", raising=False)
    assert read(tmp_path, "${SHOP_FILES:-.local/sources}/shop") == ".local/sources/shop"


def test_a_default_is_used_when_the_variable_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_FILES", "")
    assert read(tmp_path, "${SHOP_FILES:-data}/shop") == "data/shop"


def test_the_environment_wins_over_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_FILES", "s3://lake/in")
    assert read(tmp_path, "${SHOP_FILES:-data}/${SHOP_FILES}") == "s3://lake/in/s3://lake/in"


def test_what_a_variable_holds_is_not_replaced_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_FILES", "$HOME/{{ x }}")
    assert read(tmp_path, "${SHOP_FILES}") == "$HOME/{{ x }}"


def test_an_unset_variable_without_default_is_an_error(
    errors: Errors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_FILES", raising=False)
    [line] = errors("kind: csv\nlocation: ${SHOP_FILES}/shop\ntables: [{name: a, path: a.csv}]\n")
    assert line == (
        "shop.yml:2: location: uses ${SHOP_FILES}, which is not set; set it in the environment, or give a "
        "default: ${SHOP_FILES:-.local}."
    )


@pytest.mark.parametrize("text", ["${SHOP", "${1X}", "${SHOP-default}", "${}"])
def test_a_malformed_variable_is_an_error(errors: Errors, text: str) -> None:
    [line] = errors(f"kind: csv\nlocation: '{text}'\ntables: [{{name: a, path: a.csv}}]\n")
    assert line.startswith("shop.yml:2: location: has a `${` that is not of the form")


def test_a_password_in_a_url_is_refused_and_not_repeated(
    errors: Errors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_FILES", "sftp://ana:hunter2@files.example.com")
    [line] = errors("kind: csv\nlocation: ${SHOP_FILES}/in\ntables: [{name: a, path: a.csv}]\n")
    assert line.startswith("shop.yml:2: location: holds a password; put it in an Airflow connection")
    assert "hunter2" not in line


def test_a_login_without_password_is_taken(tmp_path: Path) -> None:
    assert read(tmp_path, "s3://aws_default@lake/in") == "s3://aws_default@lake/in"
