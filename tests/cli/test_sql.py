"""``make sql`` as a person types it: the real Makefile, a real server, what arrives on stdout and stderr."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from include.headrace.settings import PROJECT_ROOT

Sql = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Sql:
    """Run ``make sql`` on a local Snowflake of the tests' own, its data kept from call to call."""
    shared = tmp_path_factory.mktemp("sql")

    def run(query: str, *options: str, folder: Path = shared) -> subprocess.CompletedProcess[str]:
        # The set-up has its own tests; here `make test` has just done it.
        return subprocess.run(
            ["make", "--old-file=setup", "sql", f"q={query}", *options],
            cwd=PROJECT_ROOT,
            env={**os.environ, "HEADRACE_LOCAL_DIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_quotes_dollars_and_comment_signs_survive_make(sql: Sql) -> None:
    text = """it's "$1" $$ $(HOME) `id` # \\ % ü"""
    literal = "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    done = sql(f'select {literal} as "a ""b""", null as c, 7 as d', "format=csv")
    assert done.returncode == 0, done.stderr
    assert list(csv.reader(io.StringIO(done.stdout))) == [['a "b"', "C", "D"], [text, "", "7"]]


def test_data_stays_for_the_next_query_and_a_table_is_printed(sql: Sql) -> None:
    make = "create database kept; create table kept.public.t (name varchar, n int); "
    assert sql(make + "insert into kept.public.t values ('one', 1), (null, 200)").returncode == 0
    done = sql("select * from kept.public.t order by n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "NAME    N\n----  ---\none     1\nNULL  200\n"


def test_a_refused_query_leaves_stdout_empty_and_fails(sql: Sql) -> None:
    done = sql("select * from nowhere.public.nothing")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "error: local Snowflake (emulated)" in done.stderr
    assert "does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_query_says_how_to_ask(sql: Sql) -> None:
    done = sql("")
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert 'make sql q="select ..."' in done.stderr


def test_the_server_started_for_a_query_is_gone_after_it(sql: Sql, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    done = sql("select 1 as one", "format=csv", folder=folder)
    assert (done.stdout, done.returncode) == ("ONE\n1\n", 0), done.stderr
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HEADRACE_LOCAL_DIR") == str(folder):
                left.append(process)
    assert left == []
    assert not (folder / "run.json").exists()
