"""What a dbt project consists of: the hash that tells whether anything made from it is still current."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

MADE_BY_DBT = frozenset({"target", "logs", ".user.yml", "__pycache__"})


def project_hash(project_dir: Path) -> str:
    """SHA-256, in hexadecimal, of the project's files and of the versions of dbt that read them.

    Every file below the folder counts, by its path and content, except what dbt writes itself.
    """
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-snowflake')}".encode())
    for path in sorted(project_files(project_dir)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\n{path.relative_to(project_dir).as_posix()}\0{content}".encode())
    return digest.hexdigest()


def project_files(folder: Path) -> Iterator[Path]:
    """Every file below a dbt project's folder, except what dbt writes itself."""
    for path in folder.iterdir():
        if path.name in MADE_BY_DBT:
            continue
        if path.is_dir():
            yield from project_files(path)
        else:
            yield path
