"""Running dbt: in this process, warm, or as a command of its own. Callers see one interface."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from include.headrace.errors import ConfigError
from include.headrace.transform import parsed
from include.headrace.transform.manifest import NO_TRACKING, dbt_command
from include.headrace.transform.result import DbtResult, read_nodes
from include.headrace.transform.run_manifest import FILE, identify, kept_manifest

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

SETTING = "HEADRACE_DBT_RUNNER"
FLAGS = ("--no-use-colors", "--log-level-file", "none", "--no-populate-cache")
"""For one node a task: dbt looks up the schemas it needs when it needs them instead of all at the start."""
KILL_AFTER_SECONDS = 10
log = logging.getLogger(__name__)


class DbtRunner(Protocol):
    """Runs dbt commands, one at a time."""

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """Run ``dbt <args>`` and return what it did; a failed node is a result, not an exception.

        ``args`` say the project's folder, profile and target. ``env`` is dbt's whole environment.
        ``project_dir`` is the project as it is kept, which the parsed manifest belongs to; the
        command runs in ``work_dir``, a copy of it whose ``target`` receives what dbt writes.
        """
        ...

    def cancel(self) -> None:
        """Stop the command that is running, and its queries, from a signal handler."""
        ...


def make_runner() -> DbtRunner:
    """The runner that HEADRACE_DBT_RUNNER names: ``inprocess``, ``subprocess``, or ``auto`` (default).

    ``auto`` runs in process where dbt can be imported. Raises ConfigError for any other value.
    """
    setting = os.environ.get(SETTING, "auto")
    if setting not in ("auto", "inprocess", "subprocess"):
        raise ConfigError(f"{SETTING} is {setting!r}; set it to auto, inprocess or subprocess.")
    if setting == "subprocess":
        return SubprocessRunner()
    try:
        import dbt.cli.main  # noqa: F401
    except ImportError:
        if setting == "inprocess":
            raise
        return SubprocessRunner()
    return InProcessRunner()


class InProcessRunner:
    """dbt in this process, with the manifest handed over: what makes a warm task take a second, not ten."""

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """See :meth:`DbtRunner.run`."""
        from cosmos.dbt.project import change_working_directory, environ
        from dbt.adapters.factory import reset_adapters
        from dbt.cli.main import dbtRunner

        identity = identify(project_dir, option(args, "--target"), env, option(args, "--vars"))
        with change_working_directory(str(work_dir)), environ({**env, **NO_TRACKING}):

            def parse(folder: Path) -> None:
                outcome = dbtRunner().invoke(parse_command(args, folder))
                if not outcome.success:
                    raise ConfigError(f"dbt cannot parse {project_dir}: {outcome.exception}")

            try:
                manifest = parsed.take(kept_manifest(identity, parse))
                outcome = dbtRunner(manifest=manifest).invoke([*FLAGS, "--no-write-json", *args])
            finally:
                reset_adapters()
        _write_results(outcome, work_dir / "target")
        return DbtResult(outcome.success, read_nodes(work_dir / "target"), _error_of(outcome))

    def cancel(self) -> None:
        """See :meth:`DbtRunner.cancel`. dbt then reports the cancelled query as its node's error."""
        from dbt.adapters.base.impl import BaseAdapter
        from dbt.adapters.factory import FACTORY

        for adapter in list(FACTORY.adapters.values()):
            if isinstance(adapter, BaseAdapter):
                adapter.cancel_open_connections()


class SubprocessRunner:
    """dbt as a command: for a dbt that cannot be imported here, or must not share a process with Airflow."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """See :meth:`DbtRunner.run`."""
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
        """Run dbt, passing each line on to the log; returns its exit code and its last lines."""
        lines: list[str] = []
        with subprocess.Popen(
            [dbt_command(), *args],
            env={**env, **NO_TRACKING},
            cwd=work_dir,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as self._process:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                log.info(line.rstrip())
                lines = [*lines[-40:], line]
        return self._process.returncode, "".join(lines).strip()

    def cancel(self) -> None:
        """See :meth:`DbtRunner.cancel`. An interrupt lets dbt cancel its queries; what stays is killed."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=KILL_AFTER_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _write_results(outcome: dbtRunnerResult, target_dir: Path) -> None:
    """Leave the results where dbt would. It would write the whole manifest as well, at each node."""
    from dbt.artifacts.schemas.freshness import FreshnessResult
    from dbt.artifacts.schemas.run import RunExecutionResult

    result: Any = outcome.result
    for kind, name in ((RunExecutionResult, "run_results.json"), (FreshnessResult, "sources.json")):
        if isinstance(result, kind):
            target_dir.mkdir(exist_ok=True)
            result.write(str(target_dir / name))


def option(args: list[str], name: str) -> str:
    """The value that follows an option, or an empty text where it is not given."""
    return args[args.index(name) + 1] if name in args else ""


def parse_command(args: list[str], folder: Path) -> list[str]:
    """The command that writes the parsed manifest for a run with these arguments into a folder."""
    names = ("--project-dir", "--profiles-dir", "--profile", "--target", "--vars")
    options = [part for name in names if name in args for part in (name, option(args, name))]
    return [*FLAGS, "--no-partial-parse", "parse", *options, "--target-path", str(folder)]


def _error_of(outcome: dbtRunnerResult) -> str:
    return str(outcome.exception) if outcome.exception else ""
