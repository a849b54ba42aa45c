"""What the Astro image and `astro dev start` read: no secret in it, and nothing that contradicts the code."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from include.headrace.config import PostgresSource, load_sources
from include.headrace.pools import pool_slots
from include.headrace.settings import PROJECT_ROOT, SNOWFLAKE_CONN_ID


def airflow_settings() -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "airflow_settings.yaml").read_text())
    return dict(settings["airflow"])


def test_the_settings_file_makes_every_pool_with_its_slots() -> None:
    made = {pool["pool_name"]: pool["pool_slot"] for pool in airflow_settings()["pools"]}
    assert made == pool_slots()


def test_the_settings_file_has_every_connection_and_no_password() -> None:
    connections = airflow_settings()["connections"]
    wanted = {source.connection for source in load_sources() if isinstance(source, PostgresSource)}
    assert {connection["conn_id"] for connection in connections} == {SNOWFLAKE_CONN_ID, *wanted}
    keys = {key for connection in connections for key in (*connection, *connection.get("conn_extra", {}))}
    assert not [key for key in keys if re.search("password|token|secret|private_key", key)]


def test_the_example_of_env_can_be_read_and_holds_no_secret() -> None:
    """What is commented out is read as well: a user only takes the # away."""
    lines = (PROJECT_ROOT / ".env.example").read_text().splitlines()
    found = [re.match(r"(?:# )?(AIRFLOW_CONN_\w+)=(.*)", line) for line in lines]
    connections = [(one[1], json.loads(one[2])) for one in found if one]
    assert [name.removeprefix("AIRFLOW_CONN_") for name, _ in connections] == [
        "SNOWFLAKE_DEFAULT",
        "OPERATIONS_POSTGRES",
        "HEADRACE_NOTIFY",
        "HEADRACE_NOTIFY",
    ]
    assert {connection["password"] for _, connection in connections} == {""}


def test_git_and_the_image_leave_out_env() -> None:
    for name in (".gitignore", ".dockerignore"):
        assert ".env" in (PROJECT_ROOT / name).read_text().splitlines()


def test_requirements_name_airflow_in_a_form_that_the_image_takes() -> None:
    """The build of an Astro image stops at a line that this pattern, its own, matches whole."""
    lines = (PROJECT_ROOT / "requirements.txt").read_text().splitlines()
    named = [line for line in lines if re.match(r"apache-airflow\b(?!-)", line)]
    assert len(named) == 1
    assert not re.fullmatch(r"apache-airflow\s*[=~>]{1,2}.*", named[0])
