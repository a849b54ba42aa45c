from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from include.headrace import settings
from include.headrace.demo.env_file import read_env_file
from include.headrace.demo.environment import (
    airflow_environment,
    base_environment,
    forget_foreign_settings,
    load_secrets,
)
from include.headrace.errors import ConfigError

CONNECTION = '{"conn_type": "postgres", "host": "db.example.com", "password": "a=b #c"}'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, with a .env."""
    monkeypatch.setattr(settings, "PROJECT_ROOT", tmp_path)
    (tmp_path / ".env").write_text(
        "# what is private\n\n"
        f"AIRFLOW_CONN_SHOP_POSTGRES={CONNECTION}\n"
        "AIRFLOW_VAR_REGION=eu\n"
        "SHOP_FILES='/data/my shop'\n"
        "export TEAM = sales\n"
        "HEADRACE_ENV=prod\n"
        "HEADRACE_DATABASE_PREFIX=DEV_ANA_\n"
        "SNOWFLAKE_ACCOUNT=real\n"
        "AIRFLOW__CORE__EXECUTOR=CeleryExecutor\n"
    )
    return tmp_path


def test_a_local_run_takes_connections_and_variables_of_ones_own(root: Path) -> None:
    env = base_environment({"PATH": "/bin", "TEAM": "support"})
    assert json.loads(env["AIRFLOW_CONN_SHOP_POSTGRES"]) == json.loads(CONNECTION)
    assert env["AIRFLOW_VAR_REGION"] == "eu"
    assert env["SHOP_FILES"] == "/data/my shop"
    # The environment of whoever starts it goes before the file.
    assert env["TEAM"] == "support"


def test_what_points_at_another_airflow_or_account_stays_out(root: Path) -> None:
    env = base_environment({"AIRFLOW_CONN_SHOP_POSTGRES": "postgres://elsewhere", "SNOWFLAKE_USER": "me"})
    assert env["HEADRACE_ENV"] == "local"
    assert not {"HEADRACE_DATABASE_PREFIX", "SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER"} & set(env)
    assert "AIRFLOW__CORE__EXECUTOR" not in env
    assert "elsewhere" not in env["AIRFLOW_CONN_SHOP_POSTGRES"]


def test_a_local_run_takes_its_own_settings_from_who_starts_it(root: Path) -> None:
    given = {"HEADRACE_DBT_DIR": "/data/dbt", "HEADRACE_DBT_RUNNER": "warm", "HEADRACE_SCHEDULES": "off"}
    assert given.items() <= base_environment(given).items()


def test_this_process_sees_what_its_processes_see(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_CONN_SHOP_POSTGRES", "AIRFLOW_VAR_REGION", "SHOP_FILES", "TEAM"):
        monkeypatch.setenv(name, "to be put back")
        monkeypatch.delenv(name)
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "real")
    forget_foreign_settings()
    assert os.environ["SHOP_FILES"] == "/data/my shop"
    assert "SNOWFLAKE_ACCOUNT" not in os.environ


def test_a_line_that_is_none_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nmy password is hush\n")
    with pytest.raises(ConfigError, match=r"\.env, line 2: write NAME=value") as caught:
        read_env_file(path)
    assert "hush" not in str(caught.value)


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


@pytest.mark.parametrize(("asked", "shown"), [(None, "on"), ("off", "off")])
def test_schedules_can_be_left_out_of_a_lasting_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, shown: str
) -> None:
    if asked:
        monkeypatch.setenv("HEADRACE_SCHEDULES", asked)
    keys = load_secrets(tmp_path / "secrets.json")
    assert airflow_environment(tmp_path, 1, "x", keys, schedules=True)["HEADRACE_SCHEDULES"] == shown
    assert airflow_environment(tmp_path, 1, "x", keys, schedules=False)["HEADRACE_SCHEDULES"] == "off"
