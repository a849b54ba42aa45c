"""The page on deploying names only what is there."""

from __future__ import annotations

import importlib
import re
import shlex

import pytest

from include.headrace import cli
from include.headrace.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "deploying.md").read_text()
COMMANDS = sorted(set(re.findall(r"python -m (include[^`\n#]*)", PAGE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_program_is_one(command: str) -> None:
    module, *arguments = shlex.split(command.replace("<deployment>", "https://example.com"))
    program = cli.parser() if module == "include.headrace" else importlib.import_module(module).parser()
    program.parse_args(arguments)


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 3


def test_every_variable_it_names_is_read_somewhere() -> None:
    named = set(re.findall(r"HEADRACE_[A-Z_]+", PAGE))
    assert len(named) >= 6
    code = "\n".join(path.read_text() for path in (PROJECT_ROOT / "include").rglob("*.py"))
    code += "\n".join(path.read_text() for path in (PROJECT_ROOT / "include" / "sources").glob("*.yml"))
    assert sorted(name for name in named if name not in code) == []


def test_every_file_it_names_is_there() -> None:
    named = set(re.findall(r"`([\w./-]+\.(?:ya?ml|txt|py|lock))`", PAGE)) | {".env.example", "Dockerfile"}
    assert {"docker-compose.override.yml", "airflow_settings.yaml", "requirements.lock"} <= named
    assert [name for name in named if not (PROJECT_ROOT / name).exists()] == []
