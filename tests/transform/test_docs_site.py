"""dbt's own documentation of a project, made against the local Snowflake, and where it is kept."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from include.headrace.errors import ConfigError, PassingError, PermanentError
from include.headrace.transform.dbt_process import DbtProcess
from include.headrace.transform.docs_site import keep_docs, kept_docs, make_docs
from tests.transform.conftest import Project, copy_of


def _documents(page: str) -> list[dict[str, Any]]:
    """The manifest and the catalog, as the page holds them."""
    starts = [found.start() for found in re.finditer(r'\{"metadata": ?\{"dbt_schema_version', page)]
    return [json.JSONDecoder().raw_decode(page, start)[0] for start in starts]


def test_the_page_holds_the_project_and_what_is_in_the_warehouse(
    sample: Project, dbt_env: dict[str, str]
) -> None:
    manifest, catalog = _documents(make_docs(dbt_env, sample.folder).decode())
    assert set(manifest["nodes"]) == set(sample.manifest["nodes"])
    [customers] = [entry for uid, entry in catalog["sources"].items() if uid.endswith("customers")]
    assert [(c["name"], c["type"]) for c in customers["columns"].values()] == [
        ("ID", "TEXT"),
        ("COUNTRY", "TEXT"),
        ("_LOADED_AT", "TIMESTAMP_NTZ"),
    ]


def test_a_profile_that_dbt_refuses_is_for_a_person_to_mend(sample: Project, dbt_env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"(?s)dbt cannot parse .*no number"):
        make_docs({**dbt_env, "SNOWFLAKE_PORT": "no number"}, sample.folder)


def test_a_project_that_does_not_parse_is_for_a_person_to_mend(
    sample: Project, dbt_env: dict[str, str], tmp_path: Path
) -> None:
    project = copy_of(sample.folder, tmp_path / "project")
    (project / "models" / "broken.sql").write_text("select {{ ref('nothing_of_that_name') }}")
    with pytest.raises(ConfigError, match=r"(?s)dbt cannot parse .*nothing_of_that_name"):
        make_docs(dbt_env, project)


def test_it_ends_when_it_is_cancelled_while_the_warehouse_says_nothing(
    sample: Project, dbt_env: dict[str, str]
) -> None:
    dbt = DbtProcess()
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        silent.settimeout(120)
        port = str(silent.getsockname()[1])
        made = pool.submit(make_docs, {**dbt_env, "SNOWFLAKE_PORT": port}, sample.folder, dbt)
        asked, _ = silent.accept()
        dbt.cancel()
        with asked, pytest.raises(PassingError, match="dbt cannot document"):
            made.result()


@pytest.mark.parametrize("location", ["{folder}", "file://{folder}"])
def test_a_page_takes_the_place_of_the_one_before(tmp_path: Path, location: str) -> None:
    where = location.format(folder=tmp_path / "docs")
    assert kept_docs(where) is None
    (tmp_path / "docs").mkdir()
    for page in (b"first, and longer", b"second"):
        keep_docs(page, where)
        assert kept_docs(where) == page
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["index.html"]


def test_a_place_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(path: Path, content: bytes) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    # Root may write everywhere.
    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(PermanentError, match="HEADRACE_DOCS"):
        keep_docs(b"page", str(tmp_path))
