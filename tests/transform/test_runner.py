from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from include.headrace.errors import ConfigError
from include.headrace.transform.forked_runner import ForkedRunner
from include.headrace.transform.result import DbtResult
from include.headrace.transform.runner import DbtRunner, make_runner
from include.headrace.transform.subprocess_runner import SubprocessRunner
from include.headrace.transform.warm_runner import WarmRunner
from tests.support.snowflake import LocalSnowflake
from tests.transform.conftest import Project, copy_of

Run = Callable[..., DbtResult]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One AIRFLOW_HOME for all, so that each manifest is parsed once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def run(
    sample: Project, dbt_env: dict[str, str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.setenv("AIRFLOW_HOME", str(home))

    def call(runner: DbtRunner, *command: str, target: str = "local") -> DbtResult:
        work = copy_of(sample.folder, tmp_path / f"work{len(list(tmp_path.iterdir()))}")
        where = ["--project-dir", str(work), "--profiles-dir", str(work), "--profile", "headrace"]
        return runner.run([*command, *where, "--target", target], dbt_env, sample.folder, work)

    return call


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ("source freshness --select source:shop.shop.customers", ("warn", False, 0)),
        ("test --select fqn:shop.staging.source_relationships_shop_customers_id*", ("warn", False, 1)),
        ("test --select fqn:shop.report_is_whole", ("error", True, 0)),
    ],
)
def test_both_runners_tell_the_same(run: Run, command: str, outcome: tuple[str, bool, int]) -> None:
    # Nothing is built in PRODUCTION, so the test of the report cannot run.
    mine = run(ForkedRunner(), *command.split(), target="prod")
    other = run(SubprocessRunner(), *command.split(), target="prod")
    assert [(n.status, n.failed, n.failures) for n in mine.nodes] == [outcome]
    assert mine.success is (outcome[0] != "error")
    # Of a query that failed too.
    assert re.fullmatch(r"[0-9a-f-]{36}", mine.nodes[0].query_id)
    assert (mine.success, mine.nodes[0].unique_id) == (other.success, other.nodes[0].unique_id)
    assert [(n.status, n.failures, n.compiled_sql) for n in other.nodes] == [
        (n.status, n.failures, n.compiled_sql) for n in mine.nodes
    ]


def test_a_run_of_another_target_never_gets_this_ones_manifest(run: Run, snowflake: LocalSnowflake) -> None:
    for target in ("local", "prod"):
        result = run(ForkedRunner(), "run", "--select", "fqn:shop.staging.stg_customers", target=target)
        assert [node.status for node in result.nodes] == ["success"]
    with snowflake.connect() as connection:
        for database in ("SHOP", "PRODUCTION"):
            cursor = connection.cursor().execute(f"select count(*) from {database}.STAGING.STG_CUSTOMERS")
            assert cursor is not None
            assert cursor.fetchone() == (3,)


def processes_that_name(path: Path) -> list[psutil.Process]:
    """The living processes that run an operation and have a path among their arguments."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        arguments = " ".join(process.info["cmdline"] or ())
        if "run-operation" in arguments and str(path) in arguments:
            found.append(process)
    return found


def test_a_cancelled_command_is_gone_with_all_its_processes(run: Run, tmp_path: Path) -> None:
    runner = SubprocessRunner()
    ended: list[DbtResult] = []
    thread = threading.Thread(target=lambda: ended.append(run(runner, "run-operation", "wait")))
    thread.start()
    deadline = time.monotonic() + 120
    while not processes_that_name(tmp_path):
        assert time.monotonic() < deadline, "the command did not start"
        time.sleep(0.1)
    runner.cancel()
    thread.join(60)
    assert not ended[0].success
    assert processes_that_name(tmp_path) == []


@pytest.mark.parametrize(
    ("setting", "kind"),
    [("forked", ForkedRunner), ("warm", WarmRunner), ("subprocess", SubprocessRunner)],
)
def test_one_setting_chooses_the_runner(
    setting: str, kind: type[DbtRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_DBT_RUNNER", setting)
    assert type(make_runner()) is kind


def test_an_unknown_runner_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_DBT_RUNNER", "hot")
    with pytest.raises(ConfigError, match="HEADRACE_DBT_RUNNER is 'hot'; set it to"):
        make_runner()


def test_auto_runs_dbt_here_only_where_it_is_loaded_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dbt.cli.main", ModuleType("dbt.cli.main"))
    assert type(make_runner()) is ForkedRunner
    monkeypatch.delitem(sys.modules, "dbt.cli.main")
    assert type(make_runner()) is WarmRunner
    assert "dbt.cli.main" not in sys.modules


def test_auto_runs_a_dbt_without_python_as_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dbt.cli.main", raising=False)
    monkeypatch.setattr("include.headrace.transform.runner.find_spec", lambda _: None)
    assert type(make_runner()) is SubprocessRunner
