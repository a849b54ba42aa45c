"""What a process that has rehearsed does as dbt does, and what it does no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from include.headrace.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What :mod:`tests.transform.rehearsed` tells of itself."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT), "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.transform.rehearsed"],
        cwd=PROJECT_ROOT,
        env={**env, "AIRFLOW_HOME": str(tmp_path_factory.mktemp("home"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_kind_of_node_is_run_to_its_end(facts: dict[str, Any]) -> None:
    kinds = {"model", "seed", "snapshot", "test", "unit_test", "source", "operation", "exposure"}
    assert {name.split(".")[0] for name in facts["nodes"]} == kinds
    assert set(facts["nodes"].values()) == {"success", "pass", "no-op"}


def test_nothing_is_opened_and_no_thread_stays(facts: dict[str, Any]) -> None:
    assert (facts["connections"], facts["threads"]) == ([], ["MainThread"])


def test_a_context_has_the_names_and_macros_that_dbt_gives_it(facts: dict[str, Any]) -> None:
    assert facts["contexts"] > 20
    assert facts["contexts that differ"] == []


def test_a_text_is_read_once_and_what_is_made_of_it_is_each_reader_s_own(facts: dict[str, Any]) -> None:
    assert facts["yaml"] is True


def test_settings_that_are_wrong_are_refused_each_time(facts: dict[str, Any]) -> None:
    assert facts["refused"] == 2


def test_a_run_with_known_settings_checks_and_reads_none_of_them(facts: dict[str, Any]) -> None:
    assert set(facts["again"].values()) == {True}
    known = {"ProjectFlags", "Project", "ProfileConfig", "SnowflakeCredentials", "Configuration"}
    assert known.isdisjoint(facts["checked"])
    assert facts["learns"] is False


def test_a_secret_stays_out_of_dbt_s_log_in_a_run_and_without_one(facts: dict[str, Any]) -> None:
    assert facts["without a run"] == "it is *****"
    assert facts["in a run"] == ["it is *****"]
