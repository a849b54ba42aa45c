"""Finding and opening the files of a table: in a folder, or behind any URL that fsspec can read."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from include.headrace import settings
from include.headrace.errors import HeadraceError, PassingError, SourceError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]


VERSION_KEYS = ("size", "ino", "mtime", "ETag", "etag", "LastModified", "last_modified", "updated")
"""What file systems of fsspec say of a file that differs once it was written again: local, S3, Azure and
Google by their own names."""


@dataclass(frozen=True)
class File:
    """A file: ``name`` is its path below the location, ``path`` the whole one.

    ``version`` is what was said of it when it was listed.
    """

    system: AbstractFileSystem
    path: str
    name: str
    size: int
    version: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def open(self, compression: str | None = None) -> Iterator[BinaryIO]:
        """The file as a stream of bytes. See ``translated`` for what is raised.

        Raises PassingError afterwards when the file is not the one that was listed any more: what was read,
        or found wrong with it, may then be part of the old one and part of the new.
        """
        with translated(self.path), self.system.open(self.path, "rb", compression=compression) as handle:
            try:
                yield handle
            except SourceError:
                self._check_unchanged()
                raise
            self._check_unchanged()

    def _check_unchanged(self) -> None:
        self.system.invalidate_cache(self.system._parent(self.path))
        now = _version(self.system.info(self.path))
        changed = [key for key in self.version.keys() & now.keys() if self.version[key] != now[key]]
        if changed:
            raise PassingError(
                f"{self.path} was changed while it was read ({', '.join(sorted(changed))}); nothing of it "
                "was loaded, and it is read again. Write files elsewhere and move them in whole."
            )


def _version(info: Mapping[str, Any]) -> dict[str, Any]:
    return {key: info[key] for key in VERSION_KEYS if info.get(key) is not None}


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn errors of the file system into ours.

    A file that is missing or closed to us is a SourceError; any other failure may pass.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise SourceError(f"There is no file {path}; it was removed, or the location is wrong.") from None
    except PermissionError:
        raise SourceError(f"{path} may not be read; grant the reader access to it.") from None
    except (OSError, TimeoutError) as error:
        raise _passing(path, error) from error


def _passing(path: str, error: Exception) -> HeadraceError:
    return PassingError(f"Reading {path} failed: {type(error).__name__}: {error}")


def find(location: str, pattern: str, connection: str | None) -> list[File]:
    """The files that match ``pattern`` below ``location``, sorted by name. There is at least one.

    A location without ``://`` is a folder, below the project's root where it is relative. Any other
    goes to Airflow's ObjectStoragePath with the connection, or to fsspec itself where no provider
    serves its scheme. Raises SourceError when no file matches.
    """
    found = _remote(location, pattern, connection) if "://" in location else _local(location, pattern)
    if not found:
        raise SourceError(
            f"No file matches {pattern!r} below {location}; correct `location` or `path` in the source file."
        )
    return sorted(found, key=lambda file: file.name)


def _local(location: str, pattern: str) -> list[File]:
    from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

    folder = settings.PROJECT_ROOT / location
    if not folder.is_dir():
        raise SourceError(f"There is no folder {folder}; correct `location` in the source file.")
    system = LocalFileSystem()
    return [
        _file(system, str(path), path.relative_to(folder).as_posix(), system.info(str(path)))
        for path in Path(folder).glob(pattern)
        if path.is_file()
    ]


def _remote(location: str, pattern: str, connection: str | None) -> list[File]:
    system, base = file_system(location, connection)
    base = base.rstrip("/")
    with translated(location):
        listed = system.glob(f"{glob.escape(base)}/{pattern}", detail=True)
    return [
        _file(system, path, path.removeprefix(base).lstrip("/"), info)
        for path, info in listed.items()
        if info.get("type") == "file"
    ]


def _file(system: AbstractFileSystem, path: str, name: str, info: Mapping[str, Any]) -> File:
    return File(system, path, name, int(info.get("size") or 0), _version(info))


def file_system(location: str, connection: str | None) -> tuple[AbstractFileSystem, str]:
    """The file system behind a URL, and the path in it: Airflow's with the connection, or fsspec's own.

    Raises SourceError when neither knows the URL's scheme.
    """
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io.fs import has_fs

    scheme = location.split("://", 1)[0]
    if has_fs(scheme):
        path = ObjectStoragePath(location, conn_id=connection)
        return path.fs, path.path
    if connection is not None:
        raise SourceError(
            f"No installed Airflow provider reads {scheme}:// with a connection; install the provider, or "
            "remove `connection` from the source file."
        )
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    try:
        system, base = url_to_fs(location)
    except (ValueError, ImportError) as error:
        raise SourceError(f"{location} cannot be read: {error}") from None
    return system, base
