from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from include.headrace.transform import project_files
from include.headrace.transform.project_files import SETTLED_NS, ProjectState, project_state


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.sql").write_text(
        "select '{{ env_var('DAY') }}', {{ env_var( \"HOUR\", '1') }}"
    )
    (tmp_path / "seeds.csv").write_text("id\nenv_var('NOT_READ')\n")
    return tmp_path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read since the test began."""
    seen: list[str] = []
    alone = project_files._read

    def counted(path: str) -> project_files.Content:
        seen.append(Path(path).name)
        return alone(path)

    monkeypatch.setattr(project_files, "_read", counted)
    return seen


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files have settled."""
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 2 * SETTLED_NS)


def test_the_variables_are_those_of_files_that_dbt_renders(project: Path) -> None:
    assert project_state(project).variables == {"DAY", "HOUR"}


def test_a_file_that_has_settled_is_read_once(
    project: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    states = {project_state(project) for _ in range(3)}
    assert sorted(read) == ["one.sql", "seeds.csv"]
    assert len(states) == 1


def test_a_change_that_keeps_size_and_modification_time_is_seen(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    model = project / "models" / "one.sql"
    before, times = project_state(project), model.stat()
    model.write_text(model.read_text().replace("DAY", "AGE"))
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = project_state(project)
    assert after.digest != before.digest
    assert after.variables == {"AGE", "HOUR"}


def test_a_file_that_changed_just_now_is_read_each_time(project: Path, read: list[str]) -> None:
    project_state(project)
    project_state(project)
    assert sorted(read) == ["one.sql", "one.sql", "seeds.csv", "seeds.csv"]


def test_the_same_files_elsewhere_are_the_same_project(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "models").mkdir()
    for name in ("models/one.sql", "seeds.csv"):
        (other / name).write_bytes((project / name).read_bytes())
    assert project_state(other) == project_state(project) != ProjectState("", frozenset())
    (other / "seeds.csv").rename(other / "seed.csv")
    assert project_state(other) != project_state(project)
