"""dbt's documentation of the project: one page that dbt makes, kept where each API server can read it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from include.headrace import settings
from include.headrace.errors import ConfigError, PassingError, PermanentError
from include.headrace.readers.files import file_system
from include.headrace.transform.dbt_process import DbtProcess

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

MADE = "static_index.html"
"""dbt's page with the manifest and the catalog in it (``dbt docs generate --static``)."""
KEPT = "index.html"


def make_docs(
    env: Mapping[str, str], project_dir: Path = settings.DBT_DIR, dbt: DbtProcess | None = None
) -> bytes:
    """Have dbt document the project and the relations in the warehouse; the page.

    ``env`` is what the profile reads of the connection. ``dbt`` is what runs it, for whoever may have to
    cancel it. Raises ConfigError when the project does not parse, PassingError with the end of what dbt said
    when it then fails: the warehouse may not answer.
    """
    dbt = dbt or DbtProcess()
    with tempfile.TemporaryDirectory() as scratch:
        before = ["--no-use-colors", "--log-path", scratch]
        where = ["--project-dir", ".", "--profiles-dir", ".", "--target-path", scratch]
        where += ["--target", settings.environment()]
        whole = {**os.environ, **env}
        code, output = dbt.run([*before, "parse", *where], whole, project_dir)
        if code != 0:
            raise ConfigError(f"dbt cannot parse {project_dir}:\n{output}")
        code, output = dbt.run([*before, "docs", "generate", "--static", *where], whole, project_dir)
        if code != 0:
            raise PassingError(f"dbt cannot document {project_dir}:\n{output}")
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
