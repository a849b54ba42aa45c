"""What the Astro image and `astro dev start` read: no secret in it, and nothing that contradicts the code."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from include.headrace import cli
from include.headrace.config import load_sources
from include.headrace.notify import CONN_ID
from include.headrace.pools import pool_slots
from include.headrace.settings import PROJECT_ROOT, SNOWFLAKE_CONN_ID

WANTED = {SNOWFLAKE_CONN_ID, *(s.connection for s in load_sources() if s.connection)}
"""The connections of the project: of every source that has one, and of Snowflake."""


def airflow_settings() -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "airflow_settings.yaml").read_text())
    return dict(settings["airflow"])


def lines_of(name: str) -> list[str]:
    return (PROJECT_ROOT / name).read_text().splitlines()


def code() -> str:
    """All that may read a variable of the environment."""
    files = [*(PROJECT_ROOT / "include").rglob("*.py"), *(PROJECT_ROOT / "include" / "sources").glob("*.yml")]
    files += [*(PROJECT_ROOT / "dbt").glob("*.yml"), *(PROJECT_ROOT / "dbt" / "macros").glob("*.sql")]
    return "\n".join(path.read_text() for path in files)


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with its text on one line."""
    text = "\n".join(line for line in lines_of("Dockerfile") if not line.startswith("#"))
    joined = text.replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined if line.strip()]


def test_the_settings_file_makes_every_pool_with_its_slots() -> None:
    made = {pool["pool_name"]: pool["pool_slot"] for pool in airflow_settings()["pools"]}
    assert made == pool_slots()


def test_the_settings_file_has_every_connection_and_no_password() -> None:
    connections = airflow_settings()["connections"]
    assert sorted(connection["conn_id"] for connection in connections) == sorted(WANTED)
    keys = {key for connection in connections for key in (*connection, *connection.get("conn_extra", {}))}
    assert not [key for key in keys if re.search("password|token|secret|private_key", key)]


def test_the_settings_file_has_the_fields_that_the_astro_cli_reads() -> None:
    known = {
        "connections": "conn_id conn_type conn_host conn_schema conn_login conn_password conn_port conn_uri "
        "conn_extra",
        "pools": "pool_name pool_slot pool_description",
        "variables": "variable_name variable_value",
    }
    settings = airflow_settings()
    assert set(settings) == set(known)
    for part, entries in settings.items():
        for entry in entries:
            assert set(entry) <= set(known[part].split())
    assert all(isinstance(one.get("conn_port", 0), int) for one in settings["connections"])


def test_the_example_of_env_can_be_read_and_holds_no_secret() -> None:
    """What is commented out is read as well: a user only takes the # away."""
    found = [re.match(r"(?:# )?(AIRFLOW_CONN_\w+)=(.*)", line) for line in lines_of(".env.example")]
    connections = [(one[1], json.loads(one[2])) for one in found if one]
    names = {name.removeprefix("AIRFLOW_CONN_").lower() for name, _ in connections}
    assert names == {*WANTED, CONN_ID}
    told = {connection["conn_type"] for name, connection in connections if name.endswith("NOTIFY")}
    assert told == {"http", "smtp"}
    assert {connection["password"] for _, connection in connections} == {""}


def test_connections_have_the_same_types_in_both_examples() -> None:
    found = [re.match(r"AIRFLOW_CONN_(\w+)=(.*)", line) for line in lines_of(".env.example")]
    types = {one[1].lower(): json.loads(one[2])["conn_type"] for one in found if one}
    assert types == {one["conn_id"]: one["conn_type"] for one in airflow_settings()["connections"]}


def test_every_variable_of_the_examples_is_read_somewhere() -> None:
    named = {
        name
        for line in lines_of(".env.example")
        for name in re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", line)
        if not name.startswith("AIRFLOW_CONN_")
    }
    named |= set(
        re.findall(r"\b(HEADRACE_\w+)=", " ".join(text for kind, text in dockerfile() if kind == "ENV"))
    )
    assert {"HEADRACE_ENV", "HEADRACE_EXPORTS", "HEADRACE_DATABASE_PREFIX"} <= named
    program = code()
    assert not [name for name in named if name not in program]


def test_git_and_the_image_leave_out_secrets_and_what_the_astro_cli_makes() -> None:
    for name in (".gitignore", ".dockerignore"):
        left_out = {line.strip("/") for line in lines_of(name)}
        assert {".env", ".venv", ".local", ".astro/standalone"} <= left_out


def test_the_image_holds_all_that_its_build_and_airflow_need() -> None:
    left_out = {line.strip("/") for line in lines_of(".dockerignore")}
    needed = (
        "dags",
        "include",
        "plugins",
        "dbt",
        "airflow_local_settings.py",
        "requirements.txt",
        "packages.txt",
    )
    assert not left_out & set(needed)
    for kind, text in dockerfile():
        if kind == "RUN" and "compileall" in text:
            named = [word for word in shlex.split(text.split("&&")[1]) if not word.startswith("-")]
            paths = named[named.index("compileall") + 1 :]
            assert paths == ["dags", "include", "plugins", "airflow_local_settings.py"]
            assert [path for path in paths if not (PROJECT_ROOT / path).exists()] == []


def test_the_image_bakes_the_manifest_with_a_command_that_there_is() -> None:
    [command] = [text for kind, text in dockerfile() if kind == "RUN" and "include.headrace" in text]
    assert command.startswith("python -m include.headrace ")
    cli.parser().parse_args(shlex.split(command)[3:])


def test_the_runtime_has_the_airflow_and_a_python_of_the_requirements() -> None:
    """A runtime's tag is the Airflow version's first two parts, a build, and the Python."""
    [image] = [text for kind, text in dockerfile() if kind == "FROM"]
    found = re.fullmatch(r"astrocrpublic\.azurecr\.io/runtime:(\d+\.\d+)-\d+-python-(3\.\d+)", image)
    assert found is not None
    airflow = next(line for line in lines_of("requirements.lock") if line.startswith("apache-airflow=="))
    assert airflow.partition("==")[2].startswith(f"{found[1]}.")
    assert found[2] in ("3.11", "3.12", "3.13")


def test_no_instruction_of_the_dockerfile_is_unknown() -> None:
    assert {kind for kind, _ in dockerfile()} <= {"FROM", "ENV", "RUN", "USER"}
    users = [text for kind, text in dockerfile() if kind == "USER"]
    # The image must not end as root.
    assert users[-1] == "astro"


def test_requirements_name_airflow_in_a_form_that_the_image_takes() -> None:
    """The build of an Astro image stops at a line that this pattern, its own, matches whole."""
    named = [line for line in lines_of("requirements.txt") if re.match(r"apache-airflow\b(?!-)", line)]
    assert len(named) == 1
    assert not re.fullmatch(r"apache-airflow\s*[=~>]{1,2}.*", named[0])


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_holds_every_requirement_in_its_range_for_each_python(python: str) -> None:
    where = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    where |= {"platform_system": "Linux", "platform_machine": "x86_64"}
    locked: dict[str, Version] = {}
    for line in lines_of("requirements.lock"):
        if line and line[0] not in "# -":
            pin = Requirement(line.rstrip("\\ "))
            if pin.marker is None or pin.marker.evaluate(where):
                locked[normal(pin.name)] = Version(str(pin.specifier).removeprefix("=="))
    for name in ("requirements.txt", "requirements-local.in"):
        wanted = [Requirement(line) for line in lines_of(name) if line and line[0] not in "#-"]
        assert wanted
        for one in wanted:
            assert normal(one.name) in locked, one
            assert one.specifier.contains(locked[normal(one.name)], prereleases=True), one


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_image_gets_names_of_debian_packages_and_nothing_else() -> None:
    names = lines_of("packages.txt")
    assert [name for name in names if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name)] == []


@pytest.mark.skipif(shutil.which("apt-cache") is None, reason="no apt here")
def test_every_system_package_is_known_to_debian() -> None:
    listed = [
        line.split("#")[0].strip()
        for name in ("packages.txt", "packages-local.txt")
        for line in lines_of(name)
    ]
    names = [name for name in listed if name]
    shown = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, check=True)
    known = set(shown.stdout.split())
    if "build-essential" not in known:
        pytest.skip("apt has no lists here")
    assert [name for name in names if name not in known] == []


def test_the_astro_project_has_a_name_and_only_dag_files_that_exist_are_excepted() -> None:
    assert yaml.safe_load((PROJECT_ROOT / ".astro" / "config.yaml").read_text())["project"]["name"]
    assert [
        one for one in lines_of(".astro/dag_integrity_exceptions.txt") if not (PROJECT_ROOT / one).is_file()
    ] == []
