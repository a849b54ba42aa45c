"""dbt's own command as a process that ends with the task that runs it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from include.headrace.transform.manifest import NO_TRACKING, dbt_command

KILL_AFTER_SECONDS = 10
BOUND = (sys.executable, "-I", "-S", str(Path(__file__).with_name("bound_command.py")))
LAST_LINES = 40
log = logging.getLogger(__name__)


class DbtProcess:
    """Runs dbt's command, one at a time, a new process each time, until it is cancelled."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def run(self, args: Sequence[str], env: Mapping[str, str], folder: Path) -> tuple[int, str]:
        """Run ``dbt <args>`` in a folder, passing each line on to the log; its exit code and last lines.

        ``env`` is its whole environment. It ends with this process, even when that is killed: its
        standard input is held open here alone.
        """
        if self._cancelled:
            return 1, "The task was ended before this command began."
        lines: list[str] = []
        with subprocess.Popen(
            [*BOUND, str(KILL_AFTER_SECONDS), dbt_command(), *args],
            env={**env, **NO_TRACKING},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as self._process:
            assert self._process.stdout is not None
            try:
                for line in self._process.stdout:
                    log.info(line.rstrip())
                    lines = [*lines[-LAST_LINES:], line]
            except BaseException:  # a task's timeout
                self.cancel()
                raise
        return self._process.returncode, "".join(lines).strip()

    def cancel(self) -> None:
        """Interrupt what runs, which lets dbt cancel its queries, kill what stays, and start nothing more.

        May come from a signal handler.
        """
        self._cancelled = True
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=KILL_AFTER_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
