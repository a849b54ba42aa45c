"""The slots of the warm dbt workers: who may use one, and where its worker is.

There is no manager. A slot is a file that its user holds locked, so that the end of the user, of any kind,
frees it; the worker of a slot is started by the first who needs it and found by its socket.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import select
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from include.headrace.errors import PassingError, PermanentError
from include.headrace.pools import DBT_SLOTS
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform.run_manifest import store_dir

LONGEST_ADDRESS = 100
"""Bytes of a socket's path, below the 104 of macOS and 108 of Linux (unix(4), unix(7))."""
START_SECONDS = 180
RETRY_SECONDS = 0.05
MODULE = "include.headrace.transform.warm_worker"
KEPT = (
    "AIRFLOW_HOME",
    # Which local run started it: a worker is nobody's child, and ends with the run by this mark.
    "HEADRACE_RUN",
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
)
"""What a worker takes from the environment of who starts it: nothing that may be a secret."""


@dataclass(frozen=True)
class Slot:
    """A place for one worker."""

    folder: Path
    number: int

    @property
    def address(self) -> Path:
        """The worker's socket."""
        return self.folder / f"{self.number}.sock"

    @property
    def log(self) -> Path:
        """What the worker prints."""
        return self.folder / f"{self.number}.log"

    @property
    def lock(self) -> Path:
        """The file that the slot's user holds locked."""
        return self.folder / f"{self.number}.lock"

    def connect(self) -> socket.socket:
        """A connection to the slot's worker, which is started when there is none. Hold the slot."""
        try:
            return self._dial()
        except (FileNotFoundError, ConnectionRefusedError):
            self._start()
            return self._dial()

    def _dial(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self.address))
        except OSError:
            connection.close()
            raise
        return connection

    def _start(self) -> None:
        """Start a worker and wait until it listens. Raises PassingError when it ends before."""
        reading, writing = os.pipe()
        try:
            with self.log.open("wb") as log:
                command = [sys.executable, "-m", MODULE, str(self.folder), str(self.number), str(writing)]
                # It leaves a process of its own and ends, so that the worker is nobody's child.
                subprocess.run(
                    command,
                    env={name: os.environ[name] for name in KEPT if name in os.environ},
                    cwd=PROJECT_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(writing,),
                    start_new_session=True,
                    check=False,
                )
            os.close(writing)
            writing = -1
            ready, _, _ = select.select([reading], [], [], START_SECONDS)
            if not ready or not os.read(reading, 1):
                raise PassingError(
                    f"A dbt worker did not start within {START_SECONDS} s or ended at once; see {self.log}."
                )
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)


@contextmanager
def free_slot(folder: Path | None = None, slots: int = DBT_SLOTS) -> Iterator[Slot]:
    """Hold a slot that nobody else uses, the lowest for its worker is likeliest warm; waits for one."""
    folder = folder or workers_dir()
    while True:
        for number in range(slots):
            slot = Slot(folder, number)
            with slot.lock.open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield slot
                return
        time.sleep(RETRY_SECONDS)


def workers_dir() -> Path:
    """The folder of the workers that run this code, for this user alone; made when it is missing.

    Raises PermanentError when it is not this user's or open to others.
    """
    key = code_key()
    folder = store_dir().parent / "dbt-workers" / key
    if len(os.fsencode(folder)) + len("/99.sock.new") > LONGEST_ADDRESS:
        shorter = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir(), f"dbt-workers-{os.getuid()}", shorter)
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermanentError(f"{path} is not a folder of this user alone; remove it, or chmod 700 it.")
    return folder


def code_key() -> str:
    """Changes with the interpreter, the versions of dbt and the files of ``include/headrace``."""
    versions = [sys.executable, sys.version, version("dbt-core"), version("dbt-snowflake")]
    digest = hashlib.sha256("\0".join(versions).encode())
    for path in sorted((PROJECT_ROOT / "include" / "headrace").rglob("*.py")):
        status = path.stat()
        digest.update(f"\n{path}\0{status.st_size}\0{status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
