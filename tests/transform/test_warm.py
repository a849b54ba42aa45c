from __future__ import annotations

import json
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from include.headrace.demo.processes import MARK, stop_processes
from include.headrace.errors import ConfigError, PassingError, PermanentError
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform import warm_pool
from include.headrace.transform.forked_runner import ForkedRunner
from include.headrace.transform.runner import DbtRunner
from include.headrace.transform.subprocess_runner import SubprocessRunner
from include.headrace.transform.warm_pool import LONGEST_ADDRESS, Slot, code_key, free_slot, workers_dir
from include.headrace.transform.warm_runner import WarmRunner
from tests.support.snowflake import LocalSnowflake
from tests.transform.warm import Endless, alive, until, workers_of

RECYCLED = """
import sys
from include.headrace.transform import warm_worker
warm_worker.MOST_RUNS = 1
warm_worker.main()
"""
OWN = {"execution_time", "thread_id", "timing", "generated_at", "invocation_id", "invocation_started_at"}
"""What differs between two runs of the same: times and names of a run."""


def results_of(work: Path) -> list[dict[str, Any]]:
    """The results a run left, without what is a run's own."""
    results = json.loads((work / "target" / "run_results.json").read_text())["results"]
    for result in results:
        for name in OWN:
            result.pop(name, None)
        result["adapter_response"].pop("query_id", None)
        result["message"] = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", result["message"] or "")
    return sorted(results, key=lambda result: str(result["unique_id"]))


def test_three_runners_leave_the_same_results(endless: Endless, workers: Path) -> None:
    runners: list[DbtRunner] = [WarmRunner(workers), WarmRunner(workers), ForkedRunner(), SubprocessRunner()]
    kinds = set()
    found = []
    for runner in runners:
        # In a build, that unit test would need its model first, and skip whatever comes after it.
        left_out = ["--exclude", "endless", "old_orders_are_not_read_again"]
        result = runner.run(*endless.other("build", *left_out))
        found.append((result.success, sorted((n.status, n.failures) for n in result.nodes)))
        kinds |= {(node.unique_id.split(".")[0], node.status) for node in result.nodes}
    # The first run makes what the others find made.
    _, warm, forked, command = [results_of(work) for work in endless.works]
    assert {kind for kind, _ in kinds} == {"model", "seed", "snapshot", "test", "unit_test"}
    assert {"success", "pass", "warn"} <= {status for _, status in kinds}
    assert warm == forked == command
    assert found[1] == found[2] == found[3]


def test_one_worker_keeps_two_targets_apart(
    endless: Endless, workers: Path, snowflake: LocalSnowflake
) -> None:
    runner = WarmRunner(workers)
    for target in ("local", "prod", "local"):
        assert runner.run(*endless.other("run", "--select", "stg_orders", target=target)).success
    assert len(workers_of(workers)) == 1
    built = [results_of(work)[0]["relation_name"] for work in endless.works]
    assert [name.split(".")[0].strip('"') for name in built] == ["SHOP", "PRODUCTION", "SHOP"]
    with snowflake.connect() as connection:
        cursor = connection.cursor().execute("select count(*) from PRODUCTION.STAGING.STG_ORDERS")
        assert cursor is not None
        assert cursor.fetchall() == [(3,)]


def test_a_run_leaves_nothing_in_its_worker(
    endless: Endless, workers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runner = WarmRunner(workers)
    secret = {"SNOWFLAKE_PASSWORD": "hush-hush", "LEFT_OVER": "hush-hush"}
    assert runner.run(*endless.other("run", "--select", "stg_orders", **secret)).success
    assert runner.run(*endless.other("run-operation", "show")).success
    assert "left over: nothing" in caplog.text
    [worker] = workers_of(workers)
    assert "hush-hush" not in " ".join([*worker.cmdline(), *worker.environ(), *worker.environ().values()])
    assert worker.cwd() == str(PROJECT_ROOT)
    for path in workers.iterdir():
        if path.is_file():
            assert "hush-hush" not in path.read_text()
    assert "hush-hush" not in caplog.text


def test_dbts_messages_reach_the_tasks_log_at_their_level(
    endless: Endless, workers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    failed = WarmRunner(workers).run(*endless.other("run-operation", "no_such_macro"))
    assert not failed.success
    assert "no_such_macro" in failed.error
    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert any(level == logging.INFO and text.startswith("Running with dbt=") for level, text in said)
    assert any(level == logging.ERROR and "no_such_macro" in text for level, text in said)


def test_cancelling_a_run_whose_worker_is_dead_raises_nothing_and_the_run_tells_of_its_end(
    endless: Endless, workers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runner = WarmRunner(workers)
    cancelled: list[int] = []

    def cancel(record: logging.LogRecord) -> bool:
        if not cancelled:
            [worker] = workers_of(workers)
            worker.kill()
            until(lambda: not alive(worker), "it did not end")
            runner.cancel()
            cancelled.append(worker.pid)
        return True

    caplog.set_level(logging.INFO)
    said = logging.getLogger("include.headrace.transform.warm_runner")
    said.addFilter(cancel)
    try:
        with pytest.raises(PassingError, match=r"The dbt worker .* ended while it ran this task"):
            runner.run(*endless.other("run-operation", "show"))
    finally:
        said.removeFilter(cancel)
    assert len(cancelled) == 1


def test_a_project_that_does_not_parse_is_a_fault_of_the_project(endless: Endless, workers: Path) -> None:
    args, env, project, work = endless.other("run", "--select", "stg_orders")
    broken = Path(shutil.copytree(project, work.parent / "broken"))
    (broken / "models" / "marts" / "endless.sql").write_text("select {{ ref('nothing') }}")
    with pytest.raises(ConfigError, match=r"(?s)dbt cannot parse .*broken.*nothing"):
        WarmRunner(workers).run([part.replace(str(work), str(broken)) for part in args], env, broken, broken)


def test_a_worker_that_ran_often_enough_goes_on_as_a_fresh_process(endless: Endless, tmp_path: Path) -> None:
    place = Path(os.path.relpath(tmp_path, PROJECT_ROOT)) if len(str(tmp_path)) > 80 else tmp_path
    slot = Slot(place, 0)
    reading, writing = os.pipe()
    command = [sys.executable, "-c", RECYCLED, str(place), "0", str(writing)]
    subprocess.run(command, cwd=PROJECT_ROOT, pass_fds=(writing,), check=True)
    os.close(writing)
    assert os.read(reading, 1) == b"1"
    os.close(reading)
    [worker] = workers_of(place)
    try:
        runner = WarmRunner(place)
        assert runner.run(*endless.other("run-operation", "show")).success
        until(lambda: "listening" in worker.cmdline(), "it did not begin anew")
        assert runner.run(*endless.other("run-operation", "show")).success
        assert [process.pid for process in workers_of(place)] == [worker.pid]
        assert stat.S_IMODE(slot.address.stat().st_mode) == 0o600
        # Nobody finds a worker whose socket is gone: it ends.
        slot.address.unlink()
        until(lambda: not alive(worker), "it did not end")
    finally:
        if alive(worker):
            worker.kill()


def test_a_worker_that_cannot_start_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_pool, "MODULE", "include.headrace.transform.no_such_worker")
    with free_slot(tmp_path) as slot, pytest.raises(PassingError, match=re.escape(str(slot.log))):
        slot.connect()
    assert "no_such_worker" in slot.log.read_text()


def test_a_slot_is_one_users_until_it_ends(tmp_path: Path) -> None:
    taken: list[int] = []
    with free_slot(tmp_path, 2) as first, free_slot(tmp_path, 2) as second:

        def take() -> None:
            with free_slot(tmp_path, 2) as slot:
                taken.append(slot.number)

        waiting = threading.Thread(target=take)
        waiting.start()
        waiting.join(0.5)
        assert (first.number, second.number, taken) == (0, 1, [])
    waiting.join(10)
    assert len(taken) == 1


def test_workers_of_other_code_are_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_pool, "PROJECT_ROOT", tmp_path)
    code = tmp_path / "include" / "headrace" / "one.py"
    code.parent.mkdir(parents=True)
    code.write_text("ONE = 1\n")
    keys = [code_key(), code_key()]
    code.write_text("ONE = 1  # no more\n")
    keys.append(code_key())
    monkeypatch.setattr(warm_pool, "version", lambda name: f"{name} of another day")
    keys.append(code_key())
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_the_workers_folder_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "a"))
    monkeypatch.setattr(warm_pool, "LONGEST_ADDRESS", 1000)
    folder = workers_dir()
    assert folder.parent == tmp_path / "a" / "dbt-workers"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    with pytest.raises(PermanentError, match="not a folder of this user alone"):
        workers_dir()


def test_a_home_too_deep_for_a_socket_gets_a_short_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / ("deep" * 30)))
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    folder = workers_dir()
    try:
        assert len(str(Slot(folder, 7).address.with_suffix(".sock.new"))) <= LONGEST_ADDRESS
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        folder.rmdir()


def test_a_worker_ends_with_the_local_run_that_started_it(
    endless: Endless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, "the run of this test")
    with tempfile.TemporaryDirectory() as folder:
        assert WarmRunner(Path(folder)).run(*endless.other("run-operation", "show")).success
        [worker] = workers_of(Path(folder))
        stop_processes([], "another run")
        assert alive(worker)
        stop_processes([], "the run of this test")
        assert not alive(worker)
