"""dbt as a command: for a dbt that cannot be imported here, or must not share a process with Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from include.headrace.errors import ConfigError
from include.headrace.transform.arguments import FLAGS, option, parse_command
from include.headrace.transform.dbt_process import DbtProcess
from include.headrace.transform.result import DbtResult, read_nodes
from include.headrace.transform.run_manifest import FILE, identify, kept_manifest


class SubprocessRunner:
    """Runs dbt's own command, a new process each time."""

    def __init__(self) -> None:
        self._dbt = DbtProcess()

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """See :meth:`include.headrace.transform.runner.DbtRunner.run`."""
        identity = identify(project_dir, option(args, "--target"), env, option(args, "--vars"))

        def parse(folder: Path) -> None:
            code, output = self._dbt.run(parse_command(args, folder), env, work_dir)
            if code != 0:
                raise ConfigError(f"dbt cannot parse {project_dir}: {output}")

        # dbt updates the file it is given, so it gets a copy.
        parsed = work_dir / FILE
        parsed.write_bytes(kept_manifest(identity, parse).read_bytes())
        code, output = self._dbt.run([*FLAGS, "--partial-parse-file-path", str(parsed), *args], env, work_dir)
        nodes = read_nodes(work_dir / "target")
        return DbtResult(code == 0, nodes, "" if code == 0 else output)

    def cancel(self) -> None:
        """See :meth:`include.headrace.transform.runner.DbtRunner.cancel`."""
        self._dbt.cancel()
