"""The README names only what is there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from include.headrace.config import load_source
from include.headrace.settings import PROJECT_ROOT

README = (PROJECT_ROOT / "README.md").read_text()


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+(?: [a-z-]+)*):", (PROJECT_ROOT / "Makefile").read_text(), re.M))
    known = {name for line in targets for name in line.split()}
    named = set(re.findall(r"(?m)(?:`|^)make ([a-z]+)", README))
    assert named >= {"demo", "test", "up", "down", "sql", "lint"}
    assert named <= known


def test_every_command_of_the_program_it_names_exists() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "include.headrace", "--help"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    named = set(re.findall(r"-m include\.headrace ([a-z][a-z-]*)", README))
    assert named >= {"parse", "pools"}
    for command in named:
        assert re.search(rf"(?m)^\s+{command}\s", shown), command


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#]+)\)", README))
def test_every_link_to_a_file_leads_to_one(path: str) -> None:
    assert path.startswith("https://") or (PROJECT_ROOT / path).exists()


def test_every_folder_of_its_tables_exists() -> None:
    paths = re.findall(r"(?m)^\| `([\w./]+/)` \|", README)
    assert len(paths) >= 5
    # .local is made by the first run.
    assert [path for path in paths if path != ".local/" and not (PROJECT_ROOT / path).exists()] == []


def test_its_example_of_a_source_is_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    example = re.search(r"```yaml\n(.*?)```", README, re.S)
    assert example is not None
    path = tmp_path_factory.mktemp("sources") / "shop.yml"
    path.write_text("\n".join(line.removeprefix("   ") for line in example[1].splitlines()))
    source = load_source(path)
    assert [(table.name, table.disposition) for table in source.tables] == [("orders", "merge")]


def test_every_variable_it_names_is_read_somewhere() -> None:
    named = set(re.findall(r"`(HEADRACE_[A-Z_]+)`", README))
    code = "\n".join(
        path.read_text()
        for folder in ("include", "dbt", "dags")
        for pattern in ("**/*.py", "**/*.yml")
        for path in (PROJECT_ROOT / folder).glob(pattern)
        if "target" not in path.parts
    )
    assert len(named) >= 6
    assert {name for name in named if name not in code} == set()
