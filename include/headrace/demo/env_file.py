"""Reading ``.env``: what Docker, the Astro CLI and editors take a project's own settings from."""

from __future__ import annotations

import re
from pathlib import Path

from include.headrace.errors import ConfigError

LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file, none where there is no file.

    A line is ``NAME=value``, the value as it stands, JSON too; quotes around all of it are taken off.
    Blank lines and lines that begin with # say nothing. Raises ConfigError with the line's number, never
    its text, which may hold a password.
    """
    if not path.exists():
        return {}
    values = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = LINE.fullmatch(text)
        if found is None:
            raise ConfigError(f"{path}, line {number}: write NAME=value, or begin the line with #.")
        name, value = found.groups()
        quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
        values[name] = value[1:-1] if quoted else value
    return values
