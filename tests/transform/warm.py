"""What tests of warm workers and of cancelling share."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from include.headrace.transform.result import DbtResult
from include.headrace.transform.runner import DbtRunner
from tests.support.snowflake import LocalSnowflake

ENDLESS = """{{ config(
    materialized='table',
    pre_hook="alter session set abort_detached_query = {{ env_var('ABORT_DETACHED_QUERY', 'false') }}",
) }}
with n as (select seq4() as v from table(generator(rowcount => 100000)))
select sum(a.v * b.v + c.v) as total from n as a cross join n as b cross join n as c
"""
SHOW = """{% macro show() %}
{{ log("left over: " ~ env_var("LEFT_OVER", "nothing"), info=true) }}
{% endmacro %}
"""
WAIT_SECONDS = 120


@dataclass
class Endless:
    """A project with a model whose query does not end by itself, as one run sees it."""

    project: Path
    scratch: Path
    env: dict[str, str]
    server: LocalSnowflake
    works: list[Path] = field(default_factory=list)
    begun: int = 0

    def other(
        self, *command: str, target: str = "local", **env: str
    ) -> tuple[list[str], dict[str, str], Path, Path]:
        """What a runner needs for another command, in a copy of the project of its own."""
        work = Path(shutil.copytree(self.project, self.scratch / f"work{len(self.works)}"))
        self.works.append(work)
        where = ["--project-dir", str(work), "--profiles-dir", str(work), "--profile", "headrace"]
        return [*command, *where, "--target", target], {**self.env, **env}, self.project, work

    def run(self, runner: DbtRunner, **env: str) -> DbtResult:
        """Run the model."""
        return runner.run(*self.other("run", "--select", "endless", **env))

    def request(self, workers: Path) -> bytes:
        """The same as JSON, for a process of its own."""
        args, env, project, work = self.other("run", "--select", "endless")
        return json.dumps([args, env, str(project), str(work), str(workers)]).encode()

    def wait_until_it_runs(self) -> None:
        """Wait until the query of the newest run is being worked at."""
        until(lambda: bool(self.works and list(self.works[-1].glob("target/run/**/endless.sql"))), "no query")
        before = self._worked()
        until(lambda: self._worked() > before + 0.3, "the query does not run")

    def _worked(self) -> float:
        return psutil.Process(self.server.process.pid).cpu_times().user

    def queries(self) -> list[str | None]:
        """The error codes of the model's queries that ended."""
        with self.server.connect() as connection:
            cursor = connection.cursor().execute(
                "select error_code from table(information_schema.query_history()) "
                "where query_text like '%sum(a.v * b.v%' and query_text not like '%query_history%'"
            )
            assert cursor is not None
            rows: list[Any] = cursor.fetchall()
            return [row[0] for row in rows]

    def cancels(self) -> int:
        """How often the warehouse was asked to cancel what a session runs."""
        with self.server.connect() as connection:
            cursor = connection.cursor().execute(
                "select count(*) from table(information_schema.query_history()) "
                "where query_text ilike 'select system$cancel_all_queries(%'"
            )
            assert cursor is not None
            [(count,)] = cursor.fetchall()
            return int(count)

    def outcomes(self) -> list[str | None]:
        """The error codes of the queries that ended since this was made."""
        return self.queries()[self.begun :]


def until(true: Callable[[], bool], else_say: str) -> None:
    """Wait for something; fails with these words when it does not come."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, else_say
        time.sleep(0.1)


def alive(process: psutil.Process) -> bool:
    """True while a process runs."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def workers_of(folder: Path) -> list[psutil.Process]:
    """The living workers of a folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in (process.info["cmdline"] or ()):
            found.append(process)
    return found
