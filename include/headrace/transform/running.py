"""One run of dbt in this process: what the forked runner does in a task, and a warm worker for many tasks."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.headrace.errors import ConfigError
from include.headrace.transform import parsed
from include.headrace.transform.arguments import FLAGS, option, parse_command
from include.headrace.transform.manifest import NO_TRACKING
from include.headrace.transform.result import DbtResult, read_nodes
from include.headrace.transform.run_manifest import identify, kept_manifest, store_dir

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

CANCEL_EVERY_SECONDS = 0.25
CANCEL_SECONDS = 10
"""How long a warehouse that does not answer may keep a cancelled run from its end."""
log = logging.getLogger(__name__)


class Run:
    """A command of dbt that runs once in this process, with the parsed manifest handed over."""

    def __init__(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> None:
        """For the arguments see :meth:`include.headrace.transform.runner.DbtRunner.run`."""
        self._args = args
        self._env = env
        self._project_dir = project_dir
        self._work_dir = work_dir
        self.manifest: Path | None = None
        """The file of the parsed manifest that it was handed, once it was."""
        self._over = threading.Event()
        self._canceller: threading.Thread | None = None

    def execute(
        self, flags: tuple[str, ...] = (), listener: Callable[[Any], None] | None = None
    ) -> DbtResult:
        """Run it; dbt's events go to ``listener`` as well.

        Environment and working directory are as before when it returns, and no adapter stays. Raises what
        cut dbt short (a task's timeout), when the queries are cancelled.
        """
        from dbt.adapters.factory import reset_adapters

        store = store_dir()
        with contextlib.chdir(self._work_dir), environment({**self._env, **NO_TRACKING}):
            try:
                outcome = self._invoke(flags, listener, store)
                if outcome.exception is not None and not isinstance(outcome.exception, Exception):
                    raise outcome.exception
            except BaseException:
                cancel_queries()
                raise
            finally:
                self._over.set()
                if self._canceller is not None:
                    self._canceller.join(CANCEL_SECONDS)
                reset_adapters()
        _write_results(outcome, self._work_dir / "target")
        error = str(outcome.exception) if outcome.exception else ""
        return DbtResult(outcome.success, read_nodes(self._work_dir / "target"), error)

    def cancel(self) -> None:
        """Cancel its queries until it is over, from another thread or a signal handler; returns at once.

        dbt reports each cancelled query as its node's error. One cancel would miss the next statement.
        """
        if self._canceller is None and not self._over.is_set():
            self._canceller = threading.Thread(target=self._keep_cancelling, name="cancel-dbt", daemon=True)
            self._canceller.start()

    def _keep_cancelling(self) -> None:
        while not self._over.is_set():
            cancel_queries()
            self._over.wait(CANCEL_EVERY_SECONDS)

    def _invoke(
        self, flags: tuple[str, ...], listener: Callable[[Any], None] | None, store: Path
    ) -> dbtRunnerResult:
        from dbt.cli.main import dbtRunner

        def parse(folder: Path) -> None:
            outcome = dbtRunner(callbacks=callbacks).invoke([*flags, *parse_command(self._args, folder)])
            if not outcome.success:
                raise ConfigError(f"dbt cannot parse {self._project_dir}: {outcome.exception}")

        # Elsewhere dbt sets it so that an error does not say which query failed.
        logging.getLogger("snowflake.connector.errors").setLevel(logging.INFO)
        callbacks = [listener] if listener else []
        variables = option(self._args, "--vars")
        identity = identify(self._project_dir, option(self._args, "--target"), self._env, variables)
        self.manifest = kept_manifest(identity, parse, store)
        manifest = parsed.take(self.manifest)
        command = [*flags, *FLAGS, "--no-write-json", *self._args]
        return dbtRunner(manifest=manifest, callbacks=callbacks).invoke(command)


def cancel_queries() -> None:
    """Cancel what the adapters' connections run, by a connection of its own. A failure to is logged."""
    from dbt.adapters.base.impl import BaseAdapter
    from dbt.adapters.factory import FACTORY

    for adapter in list(FACTORY.adapters.values()):
        if not isinstance(adapter, BaseAdapter):
            continue
        try:
            with adapter.connection_named("cancel"):
                adapter.cancel_open_connections()
        except Exception as error:  # the connection may end meanwhile, each in its own way
            log.warning("A query was not cancelled: %s", error)


@contextlib.contextmanager
def environment(env: Mapping[str, str]) -> Iterator[None]:
    """Have this environment and no other, and then the one before."""
    before = dict(os.environ)
    try:
        _set_environment(before, env)
        yield
    finally:
        _set_environment(dict(os.environ), before)


def _set_environment(now: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for name in now.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in wanted.items() if now.get(name) != value})


def _write_results(outcome: dbtRunnerResult, target_dir: Path) -> None:
    """Leave the results where dbt would. It would write the whole manifest as well, at each node."""
    from dbt.artifacts.schemas.freshness import FreshnessResult
    from dbt.artifacts.schemas.run import RunExecutionResult

    result: Any = outcome.result
    for kind, name in ((RunExecutionResult, "run_results.json"), (FreshnessResult, "sources.json")):
        if isinstance(result, kind):
            target_dir.mkdir(exist_ok=True)
            result.write(str(target_dir / name))
