"""docker-compose.override.yml: each path, command and variable in it is one that there is."""

from __future__ import annotations

import importlib.util
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.configuration import conf

from include.headrace import settings
from include.headrace.demo import services
from include.headrace.settings import DBT_DIR, PROJECT_ROOT

AIRFLOWS = ("scheduler", "dag-processor")
"""The services of the Astro CLI (airflow/include/airflow3/composeyml.go.tmpl) that read dbt or run tasks."""

HOME = "/usr/local/airflow"
OWN = "headrace"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT_ROOT / "docker-compose.override.yml").read_text()))


def mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.split(":")[0], one.split(":")[1]) for one in service["volumes"]]


def test_it_adds_to_services_of_the_astro_cli_and_has_one_of_its_own(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*AIRFLOWS, OWN}
    assert {key for key in compose if not key.startswith("x-")} == {"services", "volumes"}


def test_nothing_is_published_and_the_services_are_in_the_network_of_the_tasks(
    compose: dict[str, Any],
) -> None:
    assert not [name for name, service in compose["services"].items() if "ports" in service]
    assert compose["services"][OWN]["network_mode"] == "service:scheduler"
    assert "networks" not in compose["services"][OWN]


def test_every_path_that_is_mounted_exists_and_every_volume_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for source, _ in mounts(service):
            if source.startswith("."):
                assert (PROJECT_ROOT / source).exists(), source
            else:
                assert source in compose["volumes"]
    assert set(compose["volumes"]) == {
        source
        for service in compose["services"].values()
        for source, _ in mounts(service)
        if source[0] != "."
    }


def test_airflow_sees_every_folder_of_the_dbt_project_and_shares_its_target(compose: dict[str, Any]) -> None:
    project = yaml.safe_load((DBT_DIR / "dbt_project.yml").read_text())
    folders = {folder for key, paths in project.items() if key.endswith("-paths") for folder in paths}
    assert folders == {"models", "macros", "seeds", "snapshots", "tests"}
    for name in AIRFLOWS:
        seen = mounts(compose["services"][name])
        assert {(f"./dbt/{one}", f"{HOME}/dbt/{one}") for one in folders} <= set(seen)
        assert ("dbt_target", f"{HOME}/dbt/{project['target-path']}") in seen


def test_every_variable_is_one_that_is_read(compose: dict[str, Any]) -> None:
    program = "\n".join(path.read_text() for path in (PROJECT_ROOT / "include").rglob("*.py"))
    program += "\n".join(path.read_text() for path in settings.SOURCES_DIR.glob("*.yml"))
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            assert isinstance(value, str), name
            if name.startswith("AIRFLOW__"):
                _, section, option = name.split("__", 2)
                assert conf.has_option(section.lower(), option.lower()), name
            else:
                assert name in program


def test_airflow_looks_where_the_services_write(compose: dict[str, Any]) -> None:
    own = compose["services"][OWN]
    home = own["environment"]["HEADRACE_LOCAL_DIR"]
    written = Path(home, services.CONNECTIONS.relative_to(settings.LOCAL_DIR))
    assert own["healthcheck"]["test"][-1] == str(written)
    assert (OWN, home) in mounts(own)
    for name in AIRFLOWS:
        service = compose["services"][name]
        told = service["environment"]
        assert told["AIRFLOW__SECRETS__BACKEND"] == services.BACKEND
        assert json.loads(told["AIRFLOW__SECRETS__BACKEND_KWARGS"]) == {"connections_file_path": str(written)}
        assert told["HEADRACE_FILES"] == f"{home}/sources"
        assert told["HEADRACE_LOCAL_DIR"] == home
        assert told["HEADRACE_ENV"] == "local"
        assert (OWN, home) in mounts(service)


def test_airflow_is_set_as_beside_the_services_on_a_laptop(compose: dict[str, Any]) -> None:
    beside = {name: value for name, value in services.environment().items() if "CORE" in name}
    assert len(beside) == 2
    for name in AIRFLOWS:
        assert beside.items() <= compose["services"][name]["environment"].items()


def test_the_service_runs_commands_that_there_are(compose: dict[str, Any]) -> None:
    own = compose["services"][OWN]
    shell, flags, script = own["command"]
    assert (shell, flags) == ("sh", "-ec")
    chown, setup, program = script.strip().splitlines()
    assert shlex.split(chown) == ["chown", "50000", own["environment"]["HEADRACE_LOCAL_DIR"]]
    assert shlex.split(setup) == ["sh", "bin/setup"]
    words = shlex.split(program)
    assert words[:4] == ["exec", ".venv/bin/python", "-m", "include.headrace.demo.services"]
    assert services.parser().parse_args(words[4:]).owner == 50000


def test_the_service_has_every_file_that_its_set_up_reads(compose: dict[str, Any]) -> None:
    spec = importlib.util.spec_from_file_location("setup_program", PROJECT_ROOT / "bin" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    own = compose["services"][OWN]
    seen = {target for _, target in mounts(own)}
    home = own["working_dir"]
    needed = [program.LOCK, *program.PACKAGES, PROJECT_ROOT / "bin", PROJECT_ROOT / "include", program.VENV]
    assert {f"{home}/{path.relative_to(PROJECT_ROOT)}" for path in needed} <= seen
