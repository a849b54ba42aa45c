"""Working folders of extract tasks on a worker's disk: locked while their task lives.

A task killed with -9 removes nothing. Its lock goes with it, so whoever can take the lock of a folder
knows that nobody works in it: the next extract on that worker, or the sweeper.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

PREFIX = "headrace-extract-"

YOUNG_SECONDS = 60
"""A folder this young may belong to a task that has not locked it yet."""


def parent_folder() -> Path:
    """Where working folders are: the system's folder for temporary files (TMPDIR)."""
    return Path(tempfile.gettempdir())


@contextmanager
def working_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new, locked, empty folder, removed afterwards. Folders of tasks that were killed go first.

    Raises OSError when the folder cannot be made.
    """
    parent = parent or parent_folder()
    remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def abandoned(parent: Path | None = None) -> list[Path]:
    """The working folders below ``parent`` whose task is gone, oldest name first."""
    return [path for path in sorted((parent or parent_folder()).glob(f"{PREFIX}*")) if _is_abandoned(path)]


def remove_abandoned(parent: Path | None = None) -> list[Path]:
    """Remove the folders of tasks that are gone; those removed. One that cannot be is left and logged."""
    removed = []
    for path in abandoned(parent):
        try:
            shutil.rmtree(path)
        except OSError as error:
            log.warning("The working folder %s of a killed task cannot be removed: %s", path, error)
        else:
            removed.append(path)
    return removed


def _is_abandoned(path: Path) -> bool:
    try:
        if time.time() - path.stat().st_mtime < YOUNG_SECONDS:
            return False
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        # Gone in between, another user's, or no folder.
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
