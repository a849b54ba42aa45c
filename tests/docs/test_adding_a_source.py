"""The page on adding a source and a model: its steps are taken, in their order, in a copy of the checkout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.headrace.config import load_source
from include.headrace.demo.env_file import read_env_file
from include.headrace.settings import PROJECT_ROOT
from tests.docs.following import COMMAND_SECONDS, Follower, copy_checkout, matches, steps_of

PAGE = (PROJECT_ROOT / "docs" / "adding-a-source-and-a-model.md").read_text()


@pytest.fixture
def follower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    folder = tmp_path_factory.mktemp("checkout") / "headrace"
    copy_checkout(folder)
    follower = Follower(folder)
    yield follower
    follower.stop()


@pytest.mark.e2e
@pytest.mark.timeout(3 * COMMAND_SECONDS)
def test_its_steps_lead_from_a_file_to_a_tested_mart_and_back(follower: Follower) -> None:
    steps = steps_of(PAGE)
    assert {step.kind for step in steps} == {"file", "run", "prints"}
    for step in steps:
        follower.take(step)
    # What the last step took away is gone, and nothing else.
    assert not (follower.folder / "include" / "sources" / "shop.yml").exists()
    assert (follower.folder / "include" / "sources" / "reference.yml").exists()


def test_every_block_before_the_variants_is_a_step() -> None:
    walked = PAGE.partition("\n## A PostgreSQL table instead\n")[0]
    assert len(steps_of(walked)) == len(steps_of(PAGE)) == len(re.findall(r"^```", walked, re.M)) / 2


def test_its_postgresql_source_is_one_and_finds_its_connection_in_env(tmp_path: Path) -> None:
    variants = PAGE.partition("\n## A PostgreSQL table instead\n")[2]
    source_text, env_text = re.findall(r"```\w+\n(.*?)```", variants, re.S)
    (tmp_path / "shop.yml").write_text(source_text)
    (tmp_path / ".env").write_text(env_text)
    source = load_source(tmp_path / "shop.yml")
    assert source.kind == "postgres"
    given = read_env_file(tmp_path / ".env")
    connection = json.loads(given[f"AIRFLOW_CONN_{source.connection.upper()}"])
    assert connection["conn_type"] == "postgres"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a ... c\n", "a b c", True),
        ("a ... c", "a b\nb c\n", True),
        ("a ... c", "a b d", False),
        ("a (b) ...", "a (b) 17", True),
        ("a.c ...", "abc 17", False),
        ("a", "a\nb", False),
    ],
)
def test_only_dots_stand_for_anything(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
