"""Where the exports of a model are, in a folder or an object store, and the one file that is replaced."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from include.headrace import settings
from include.headrace.errors import PassingError, PermanentError
from include.headrace.readers.files import file_system

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

MANIFEST = "manifest.json"
"""The file that says which version is current. Its content changes at once from one export to the next."""


class Place:
    """The folder of one model's exports, below the folder or URL of all exports."""

    def __init__(self, exports: str, model: str) -> None:
        self.location = f"{exports.rstrip('/')}/{model}"
        self._local: Path | None = None
        if "://" in exports:
            system, base = file_system(exports, None)
            self._system: AbstractFileSystem = system
            self._base = f"{base.rstrip('/')}/{model}"
            return
        from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

        self._system = LocalFileSystem(auto_mkdir=True)
        self._local = settings.PROJECT_ROOT / exports / model
        self._base = self.location = str(self._local)

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """A new file below the folder, open for writing.

        Raises PermanentError where this may not write, PassingError for any other failure.
        """
        with self._told("written", path), self._system.open(f"{self._base}/{path}", "wb") as handle:
            yield handle
            if self._local is not None:
                handle.flush()
                os.fsync(handle.fileno())

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """A file below the folder, open for reading. Raises as ``create``."""
        with self._told("read", path), self._system.open(f"{self._base}/{path}", "rb") as handle:
            yield handle

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of the current version; None before the first export. Raises as ``create``."""
        with self._told("read", MANIFEST):
            try:
                return dict(json.loads(self._system.cat_file(f"{self._base}/{MANIFEST}")))
            except FileNotFoundError:
                return None

    def publish(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest, in one step for whoever reads it. Raises as ``create``.

        An object store takes an object whole or not at all. In a folder a new file takes the old one's
        name.
        """
        content = json.dumps(manifest, indent=1).encode() + b"\n"
        with self._told("written", MANIFEST):
            if self._local is None:
                self._system.pipe_file(f"{self._base}/{MANIFEST}", content)
                return
            new = self._local / f".{MANIFEST}.{os.getpid()}"
            with new.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            new.replace(self._local / MANIFEST)

    def remove(self, version: str) -> None:
        """Remove a version that nobody is told of. What cannot be removed stays for the next export."""
        with suppress(OSError):
            self._system.rm(f"{self._base}/{version}", recursive=True)

    def prune(self, keep: Sequence[str]) -> None:
        """Remove every version but these, what a killed export left among them."""
        with self._told("listed", ""):
            self._system.invalidate_cache()
            found = self._system.ls(self._base, detail=True)
        for entry in found:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if entry["type"] == "directory" and name not in keep:
                self.remove(name)

    @contextmanager
    def _told(self, what: str, path: str) -> Iterator[None]:
        try:
            yield
        except PermissionError:
            raise PermanentError(
                f"{self.location}/{path} may not be {what}; grant the worker access to the folder of exports."
            ) from None
        except OSError as error:
            raise PassingError(
                f"{self.location}/{path} could not be {what}: {type(error).__name__}: {error}"
            ) from error
