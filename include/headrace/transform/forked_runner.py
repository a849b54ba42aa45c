"""dbt in the task's own process, which was forked from a parent that had loaded it."""

from __future__ import annotations

import contextvars
import gc
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from include.headrace.transform.result import DbtResult
from include.headrace.transform.running import CANCEL_SECONDS, Run

GARBAGE = 100_000
"""Objects made before Python looks for unused ones, once a task has come to dbt: it makes so many and then
ends with its process. With Python's 700 the looking takes a fifteenth of a test's time."""


class ForkedRunner:
    """Runs dbt here: what makes a task forked from a preloaded parent take a moment, not ten seconds.

    dbt works in a thread of its own. What cuts a task short, its timeout, is raised in the main thread: there
    it would end dbt's sessions before their queries could be cancelled.
    """

    def __init__(self) -> None:
        self._run: Run | None = None

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """See :meth:`include.headrace.transform.runner.DbtRunner.run`."""
        self._run = Run(args, env, project_dir, work_dir)
        outcome: Future[DbtResult] = Future()
        context = contextvars.copy_context()
        thread = threading.Thread(target=_work, args=(context, self._run, outcome), name="dbt", daemon=True)
        gc.set_threshold(GARBAGE)
        thread.start()
        try:
            return outcome.result()
        except BaseException:
            if not outcome.done():
                self._run.cancel()
                # A warehouse that does not answer must not keep the task.
                thread.join(CANCEL_SECONDS)
            raise

    def cancel(self) -> None:
        """See :meth:`include.headrace.transform.runner.DbtRunner.cancel`."""
        if self._run is not None:
            self._run.cancel()


def _work(context: contextvars.Context, run: Run, outcome: Future[DbtResult]) -> None:
    try:
        outcome.set_result(context.run(run.execute))
    except BaseException as error:  # it is the main thread's to handle
        outcome.set_exception(error)
