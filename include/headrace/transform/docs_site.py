"""dbt's documentation of the project: one page that dbt makes, kept where each API server can read it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from include.headrace import settings
from include.headrace.errors import PassingError, PermanentError
from include.headrace.readers.files import file_system
from include.headrace.transform.manifest import NO_TRACKING, dbt_command

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

MADE = "static_index.html"
"""dbt's page with the manifest and the catalog in it (``dbt docs generate --static``)."""
KEPT = "index.html"


def make_docs(env: Mapping[str, str], project_dir: Path = settings.DBT_DIR) -> bytes:
    """Have dbt document the project and the relations in the warehouse; the page.

    ``env`` is what the profile reads of the connection. Raises PassingError with the end of what dbt said
    when it fails: the warehouse may not answer.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [dbt_command(), "--no-use-colors", "--log-path", scratch, "docs", "generate", "--static"]
        command += ["--project-dir", ".", "--profiles-dir", ".", "--target-path", scratch]
        done = subprocess.run(
            [*command, "--target", settings.environment()],
            env={**os.environ, **env, **NO_TRACKING},
            cwd=project_dir,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PassingError(f"dbt cannot document {project_dir}:\n{done.stdout.strip()[-4000:]}")
        return Path(scratch, MADE).read_bytes()


def keep_docs(page: bytes, location: str) -> str:
    """Put the page in the place of the one before, in one step for whoever reads it; its place.

    ``location`` is a folder or a URL. Raises PermanentError where it may not be written.
    """
    system, folder = _place(location)
    place = f"{folder}/{KEPT}"
    try:
        if "://" in location:
            system.pipe_file(place, page)
        else:
            Path(folder).mkdir(parents=True, exist_ok=True)
            new = Path(f"{place}.{os.getpid()}")
            new.write_bytes(page)
            new.replace(place)
    except PermissionError:
        raise PermanentError(
            f"{location} may not be written; grant the worker access to it, or set HEADRACE_DOCS."
        ) from None
    return place


def kept_docs(location: str) -> bytes | None:
    """The page; None before the first. Raises as the file system does."""
    system, folder = _place(location)
    try:
        return bytes(system.cat_file(f"{folder}/{KEPT}"))
    except FileNotFoundError:
        return None


def _place(location: str) -> tuple[AbstractFileSystem, str]:
    if "://" in location:
        system, base = file_system(location, None)
        return system, base.rstrip("/")
    from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

    return LocalFileSystem(), str(settings.PROJECT_ROOT / location)
