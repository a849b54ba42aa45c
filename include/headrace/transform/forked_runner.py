"""dbt in the task's own process, which was forked from a parent that had loaded it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from include.headrace.transform.result import DbtResult
from include.headrace.transform.running import Run


class ForkedRunner:
    """Runs dbt here: what makes a task that was forked from a preloaded parent take a second, not ten."""

    def __init__(self) -> None:
        self._run: Run | None = None

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """See :meth:`include.headrace.transform.runner.DbtRunner.run`."""
        self._run = Run(args, env, project_dir, work_dir)
        return self._run.execute()

    def cancel(self) -> None:
        """See :meth:`include.headrace.transform.runner.DbtRunner.cancel`."""
        if self._run is not None:
            self._run.cancel()
