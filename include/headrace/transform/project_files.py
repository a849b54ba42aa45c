"""What a dbt project consists of: the hash that tells whether anything made from it is still current."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

MADE_BY_DBT = frozenset({"target", "logs", ".user.yml", "__pycache__"})
NAMES_VARIABLES = (".sql", ".yml", ".yaml", ".md")
"""Endings of the files in which dbt renders ``env_var``."""
SETTLED_NS = 2_000_000_000
"""A file that changed less than so many nanoseconds ago is read again: its next change may not show in its
times."""


@dataclass(frozen=True)
class Content:
    """A file's SHA-256, in hexadecimal, and the environment variables that it names."""

    digest: str
    variables: frozenset[str]


@dataclass(frozen=True)
class ProjectState:
    """``digest`` is the SHA-256, in hexadecimal, of the project's files and of the versions of dbt that read
    them; ``variables`` are the environment variables that the files name."""

    digest: str
    variables: frozenset[str]


def project_state(project_dir: Path) -> ProjectState:
    """What a project is now. Every file below its folder counts, by its path and content, except what dbt
    writes itself. A file is read again when it has changed."""
    digest = hashlib.sha256(_versions().encode())
    variables: set[str] = set()
    for name, entry in sorted(_entries(str(project_dir), "")):
        content = _content(entry)
        digest.update(f"\n{name}\0{content.digest}".encode())
        variables |= content.variables
    return ProjectState(digest.hexdigest(), frozenset(variables))


def _entries(folder: str, below: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in MADE_BY_DBT:
                continue
            if entry.is_dir():
                yield from _entries(entry.path, f"{below}{entry.name}/")
            else:
                yield below + entry.name, entry


def _content(entry: os.DirEntry[str]) -> Content:
    stat = entry.stat()
    if time.time_ns() - stat.st_ctime_ns < SETTLED_NS:
        return _read(entry.path)
    return _read_once(entry.path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@functools.lru_cache(maxsize=20_000)
def _read_once(path: str, *_state: int) -> Content:
    return _read(path)


def _read(path: str) -> Content:
    content = Path(path).read_bytes()
    named: list[bytes] = []
    if path.endswith(NAMES_VARIABLES):
        named = re.findall(rb"env_var\(\s*['\"](\w+)['\"]", content)
    return Content(hashlib.sha256(content).hexdigest(), frozenset(name.decode() for name in named))


@functools.cache
def _versions() -> str:
    return f"{version('dbt-core')} {version('dbt-snowflake')}"
