from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from include.headrace.errors import ConfigError
from include.headrace.transform.manifest import COMMAND, bake, current_manifest, is_stale
from include.headrace.transform.run_manifest import identify, kept_manifest
from tests.support.snowflake import airflow_connection
from tests.transform.conftest import SAMPLE, Project, copy_of


@pytest.fixture
def project(sample: Project, tmp_path: Path) -> Path:
    """A copy of the baked sample, for a test to change."""
    folder = copy_of(sample.folder, tmp_path / "project")
    (folder / "target").mkdir()
    for made in (sample.folder / "target").glob("manifest*.json"):
        (folder / "target" / made.name).write_bytes(made.read_bytes())
    return folder


def test_a_missing_manifest_is_an_error_that_says_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is missing; run") as caught:
        current_manifest(copy_of(SAMPLE, tmp_path / "project"), rebake=False)
    assert COMMAND in str(caught.value)


@pytest.mark.parametrize("change", ["edit", "add", "remove", "seed"])
def test_any_change_of_the_projects_files_makes_the_manifest_stale(project: Path, change: str) -> None:
    assert not is_stale(project)
    report = project / "models" / "marts" / "report_monthly.sql"
    if change == "edit":
        report.write_text(report.read_text() + " limit 1")
    elif change == "add":
        (report.parent / "another.sql").write_text("select 1 as one")
    elif change == "remove":
        report.unlink()
    else:
        with (project / "seeds" / "countries.csv").open("a") as file:
            file.write("IT,Italy\n")
    assert is_stale(project)
    with pytest.raises(ConfigError, match="older than the project's files; run"):
        current_manifest(project, rebake=False)


def test_what_dbt_writes_itself_makes_nothing_stale(project: Path) -> None:
    (project / "target" / "run_results.json").write_text("{}")
    (project / "logs").mkdir()
    (project / "logs" / "dbt.log").write_text("x")
    assert not is_stale(project)


def test_a_changed_model_is_picked_up_where_manifests_are_made_again(project: Path) -> None:
    (project / "models" / "marts" / "another.sql").write_text("select * from {{ ref('report') }}")
    manifest = json.loads(current_manifest(project, rebake=True).read_text())
    assert manifest["nodes"]["model.shop.another"]["depends_on"]["nodes"] == ["model.shop.report"]
    assert not is_stale(project)


def test_a_project_that_does_not_parse_is_an_error_with_dbts_words(project: Path) -> None:
    (project / "models" / "marts" / "another.sql").write_text("select * from {{ ref('no_such_model') }}")
    with pytest.raises(ConfigError, match="no_such_model"):
        current_manifest(project, rebake=True)
    assert is_stale(project)


def test_with_a_connection_the_manifest_of_its_runs_is_kept_as_well(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = json.loads(airflow_connection(1))
    given["extra"]["role"] = "LOADER"
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", json.dumps(given))
    bake("local", project)

    def parse(folder: Path) -> None:
        pytest.fail("a task would have to parse the project")

    connection = {"ACCOUNT": "local", "USER": "headrace", "WAREHOUSE": "LOADING", "ROLE": "LOADER"}
    env = {**os.environ, **{f"SNOWFLAKE_{name}": value for name, value in connection.items()}}
    kept = kept_manifest(identify(project, "local", env, ""), parse)
    assert b"orders_have_customers" in kept.read_bytes()


def test_a_manifest_that_placeholders_went_into_is_kept_for_no_run(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", airflow_connection(1))
    bake("local", project)
    assert list(tmp_path.glob("home/manifests/*/*")) == []
