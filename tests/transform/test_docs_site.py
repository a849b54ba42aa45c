"""dbt's own documentation of a project, made against the local Snowflake, and where it is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from include.headrace.errors import PassingError, PermanentError
from include.headrace.transform.docs_site import keep_docs, kept_docs, make_docs
from tests.transform.conftest import Project


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


def test_a_warehouse_that_does_not_answer_is_told_and_may_pass(
    sample: Project, dbt_env: dict[str, str]
) -> None:
    with pytest.raises(PassingError, match=r"(?s)dbt cannot document .*"):
        make_docs({**dbt_env, "SNOWFLAKE_ACCOUNT": "", "SNOWFLAKE_PORT": "no number"}, sample.folder)


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
