"""dbt as a command: for a dbt that cannot be imported here, or must not share a process with Airflow."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from include.headrace.errors import ConfigError
from include.headrace.transform.arguments import FLAGS, option, parse_command
from include.headrace.transform.manifest import NO_TRACKING, dbt_command
from include.headrace.transform.result import DbtResult, read_nodes
from include.headrace.transform.run_manifest import FILE, identify, kept_manifest

KILL_AFTER_SECONDS = 10
BOUND = (sys.executable, "-I", "-S", str(Path(__file__).with_name("bound_command.py")))
log = logging.getLogger(__name__)


class SubprocessRunner:
    """Runs dbt's own command, a new process each time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """See :meth:`include.headrace.transform.runner.DbtRunner.run`."""
        identity = identify(project_dir, option(args, "--target"), env, option(args, "--vars"))

        def parse(folder: Path) -> None:
            code, output = self._command(parse_command(args, folder), env, work_dir)
            if code != 0:
                raise ConfigError(f"dbt cannot parse {project_dir}: {output}")

        # dbt updates the file it is given, so it gets a copy.
        parsed = work_dir / FILE
        parsed.write_bytes(kept_manifest(identity, parse).read_bytes())
        code, output = self._command([*FLAGS, "--partial-parse-file-path", str(parsed), *args], env, work_dir)
        nodes = read_nodes(work_dir / "target")
        return DbtResult(code == 0, nodes, "" if code == 0 else output)

    def _command(self, args: list[str], env: Mapping[str, str], work_dir: Path) -> tuple[int, str]:
        """Run dbt, passing each line on to the log; returns its exit code and its last lines.

        dbt ends with this process, even when it is killed: its standard input is held open here alone.
        """
        lines: list[str] = []
        with subprocess.Popen(
            [*BOUND, str(KILL_AFTER_SECONDS), dbt_command(), *args],
            env={**env, **NO_TRACKING},
            cwd=work_dir,
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
                    lines = [*lines[-40:], line]
            except BaseException:  # a task's timeout
                self.cancel()
                raise
        return self._process.returncode, "".join(lines).strip()

    def cancel(self) -> None:
        """See :meth:`include.headrace.transform.runner.DbtRunner.cancel`.

        An interrupt lets dbt cancel its queries; what stays is killed.
        """
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=KILL_AFTER_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
