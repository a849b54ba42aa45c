"""The pure parts of the transform's bench: the goals, the page, and the projects it generates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from bench.page import Circumstances
from bench.transform import __main__ as transform
from bench.transform import gates, page
from bench.transform.airflow import DagRun
from bench.transform.generated import write
from bench.transform.projects import Project
from bench.transform.side_by_side import Row, Run, turns
from bench.transform.ways import BARE, FLOOR, OURS, STOCK, WARM, WAYS, Way
from include.headrace.transform.manifest import bake, manifest_path
from include.headrace.transform.rendering import build_dag


def rows(**walls: list[float]) -> list[Row]:
    """Rows of 20 nodes, 21 tasks each, by what the ways took in seconds."""
    ways = {"bare": BARE, "floor": FLOOR, "ours": OURS, "stock": STOCK}
    by_name = {way.name: way for way in WAYS}
    return [
        Row(by_name[ways[name]], 20, [Run(wall, 2 * wall, 1_200_000_000, 90, 21, 0.5) for wall in runs])
        for name, runs in walls.items()
    ]


def test_ours_may_take_a_quarter_more_than_the_bare_build_and_the_empty_tasks() -> None:
    [kept, faster] = gates.of_project("p", rows(bare=[10, 30, 12], floor=[8], ours=[25], stock=[125]))
    assert (kept.met, kept.measured) == (True, "1.25 times")
    assert (faster.met, faster.measured) == (True, "5.0 times")
    [late, slow] = gates.of_project("p", rows(bare=[12], floor=[8], ours=[25.2], stock=[123]))
    assert (late.met, late.measured) == (False, "1.26 times")
    assert (slow.met, slow.measured) == (False, "4.9 times")


def test_what_was_not_measured_is_missed() -> None:
    found = rows(bare=[10], floor=[8], ours=[20], stock=[])
    assert [gate.met for gate in gates.of_project("p", found)] == [True, False]
    found[2].error = "a task failed"
    assert [gate.met for gate in gates.of_project("p", found)] == [False, False]


def test_the_page_shows_medians_and_errors(tmp_path: Path) -> None:
    found = rows(bare=[10, 30, 12], ours=[25])
    found[1].error = "one | two\nthree"
    text = page.render("demo", Circumstances("today", "make", "one machine"), [page.runs(found)], [])
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[2].endswith("| 12 | 10 to 30 | 3 | 21 | 0.50 | 24 | 200 | 4.5 |")
    assert "(error: one \\| two three) | - |" in lines[3]


def test_the_page_says_what_ours_spends_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    found = rows(bare=[10], floor=[8], ours=[30])
    # Each run uses two processor seconds a second: 60, of which 16 and 20 are the others'.
    assert "Of the 60 processor seconds that 2 cores had while ours ran, it used 60: 16 as" in page.remaining(
        found
    )
    assert "and 24, 1.14 a task," in page.remaining(found)
    assert page.remaining(rows(floor=[8], ours=[30])) == ""


def test_what_alternates_goes_forth_and_back_before_what_is_measured_once() -> None:
    found = rows(stock=[], bare=[], ours=[])
    order = [row.way.name for row in turns(found, 3)]
    assert order == [BARE, OURS, OURS, BARE, BARE, OURS, STOCK]


class StopsAt:
    """In the place of the platform under measurement: its runs take 7 seconds until it is stopped."""

    env: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str, error: BaseException) -> None:
        self.name, self.error = name, error

    @contextmanager
    def ready(self, way: Way, project: Project) -> Iterator[None]:
        if way.name == self.name:
            raise self.error
        yield

    @property
    def warehouse(self) -> SimpleNamespace:
        return SimpleNamespace(queries=lambda: 40)

    def task_processes(self) -> list[Any]:
        return []

    def run(self, processes: None, way: Way, project: Project) -> DagRun:
        return DagRun(7.0, 21, 0.5)


@pytest.mark.parametrize("error", [RuntimeError("no slot"), KeyboardInterrupt()])
def test_a_way_that_fails_or_is_stopped_leaves_the_others_on_the_page(
    error: BaseException, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def platform() -> Iterator[StopsAt]:
        yield StopsAt(WARM, error)

    monkeypatch.setattr(transform, "airflow", platform)
    monkeypatch.setattr(transform, "make", lambda name, say: project)
    kept = tmp_path / "speed.md"
    asked = ["--only", "demo", "--rounds", "1", "--page", str(kept), "--without", BARE]
    if isinstance(error, RuntimeError):
        assert transform.main(asked) == 1
    else:
        with pytest.raises(KeyboardInterrupt):
            transform.main(asked)
    lines = {line.split(":")[0].removeprefix("| "): line for line in kept.read_text().splitlines()}
    assert "| 7 | 7 to 7 | 1 | 21 | 0.50 |" in lines[OURS]
    if isinstance(error, RuntimeError):
        assert "(error: no slot) | - |" in lines[WARM]
        assert "| 7 | 7 to 7 |" in lines[STOCK]
    else:
        assert "(not measured: the bench ended before it) | - |" in lines[WARM]
        assert "(not measured: the bench ended before it) | - |" in lines[STOCK]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("generated") / "project"
    write(folder, 30)
    bake("local", folder)
    return Project("models_30", folder, folder)


def test_a_generated_project_has_three_tests_a_model(project: Project) -> None:
    nodes = json.loads(manifest_path(project.folder).read_text())["nodes"].values()
    assert Counter(node["resource_type"] for node in nodes) == {"model": 30, "test": 90}
    assert project.nodes() == 120
    parents = {node["name"]: len(node["depends_on"]["nodes"]) for node in nodes if node["name"][1:].isdigit()}
    assert Counter(parents.values()) == {0: 10, 2: 20}
    assert Counter(node["name"] for node in nodes if "first" in node["tags"] and node["name"] in parents) == {
        f"m{number:04}": 1 for number in range(10)
    }


def test_its_dag_has_a_task_a_node(project: Project) -> None:
    dag = build_dag(manifest_path(project.folder), project.folder)
    kinds = Counter(type(task).__name__ for task in dag.tasks)
    assert kinds["RunModel"] == 30
    assert kinds["RunTest"] == 90
