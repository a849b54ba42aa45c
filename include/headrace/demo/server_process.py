"""A server of the demo as a process of its own: how it is started, found again, and ended.

A run that was killed leaves its servers running. Each is written down beside its data by its process id
and start time, so the next start finds it, and no other program that got the same id is ever touched.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from include.headrace.demo.processes import find, identity
from include.headrace.errors import HeadraceError

HOST = "127.0.0.1"
USER = "headrace"
START_SECONDS = 60
STOP_SECONDS = 30
TAIL_CHARACTERS = 2000


class ServerError(HeadraceError):
    """A server of the demo did not start; the message ends with the last lines of its log."""


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """The process of a server below ``home``, where ``server.log`` and ``process.json`` lie.

    ``end_with`` are the signals that end it, each tried for 30 seconds: first the orderly one.
    """

    end_with: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.log = self.home / "server.log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """True between a start by this object and its stop, while the process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop the server: open connections are cut, data is written out. Does nothing when stopped."""
        if self._process is None:
            self._stop_leftover()
            return
        if self.is_running:
            self._end(psutil.Process(self._process.pid))
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the server at once, as a crash would; the next start recovers its data."""
        if self._process is not None:
            children = psutil.Process(self._process.pid).children()
            self._process.kill()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(children)
            self._process.wait()
            self._process = None

    def _run(
        self,
        command: Sequence[str],
        *,
        cwd: str | Path = "/",
        env: Mapping[str, str] | None = None,
        **identity_of_user: Any,
    ) -> subprocess.Popen[bytes]:
        """Start the process, its output in the log, and write it down."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=cwd,
                env=env,
                start_new_session=True,
                **identity_of_user,
            )
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process_file.write_text(json.dumps(identity(self._process.pid)))
        return self._process

    def _stop_leftover(self) -> None:
        """Stop the server that an earlier process started here and left running."""
        try:
            left = find(json.loads(self._process_file.read_text()))
        except (FileNotFoundError, ValueError):
            return
        if left is not None:
            self._end(left)

    def _end(self, process: psutil.Process) -> None:
        for number in self.end_with:
            try:
                process.send_signal(number)
                process.wait(STOP_SECONDS)
                return
            except psutil.TimeoutExpired:
                continue
            except psutil.NoSuchProcess:
                return

    @property
    def _process_file(self) -> Path:
        return self.home / "process.json"

    def _log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else "(no log)"

    def _tail(self) -> str:
        return self._log_text()[-TAIL_CHARACTERS:].strip()
