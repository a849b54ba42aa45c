"""How long the DAG files take to read, and how that grows with the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.gates import Gate
from bench.transform import page
from bench.transform.generated import TESTS_OF_A_MODEL
from bench.transform.projects import TRANSFORM_HOME, make
from include.headrace import settings
from include.headrace.transform.manifest import bake
from include.headrace.transform.running import environment

TRIES = 3
"""Each in a process of its own; the fastest counts, for what else the machine does can only slow it."""
SIZES = (250, 500, 1000)
DEMO_SECONDS = 1.0
LARGEST_SECONDS = 8.0
LARGEST_BYTES = 16 << 20
"""Airflow has no limit of its own; MySQL as a metadata database takes so much in one packet
(max_allowed_packet of MariaDB)."""
TIMEOUT_SECONDS = 30.0
"""Airflow gives a DAG file so long (core.dagbag_import_timeout)."""
GROWTH = 1.25
"""How much more a task of the largest project may take than one of the smallest, where growth is linear."""
ENVIRONMENT = {
    "AIRFLOW_HOME": str(TRANSFORM_HOME / "reading"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "HEADRACE_ENV": "local",
    "DO_NOT_TRACK": "1",
}


def section(say: Callable[[str], None]) -> tuple[list[str], list[Gate]]:
    """The tables and the gates."""
    with environment({**os.environ, **ENVIRONMENT}):
        bake("local")
        files = {
            path.name: _file(path, say) for path in sorted((settings.PROJECT_ROOT / "dags").glob("*.py"))
        }
        projects = {size: _project(size, say) for size in SIZES}
    return [_of_files(files), _of_projects(projects)], [*_demo_gates(files), *_project_gates(projects)]


def _file(path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    warm, cold = _best("file", path), _best("cold", path)
    say(f"{path.name}: {warm['seconds']:.2f} s, cold {cold['seconds']:.2f} s")
    return {**warm, "cold": cold["seconds"]}


def _project(size: int, say: Callable[[str], None]) -> dict[str, Any]:
    project = make(f"models_{size}", say)
    bake("local", project.folder)
    found = _best("project", project.folder)
    say(f"{size} models: {found['seconds']:.2f} s")
    return found


def _best(what: str, path: Path) -> dict[str, Any]:
    found = [_read(what, path) for _ in range(TRIES)]
    return min(found, key=lambda one: float(one["seconds"]))


def _read(what: str, path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.transform.reading", what, str(path)],
        cwd=settings.PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{path} was not read:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _of_files(files: dict[str, dict[str, Any]]) -> str:
    head = ["DAG file", "tasks", "s in the DAG processor", "s where Airflow alone is imported"]
    lines = [
        [f"`dags/{name}`", str(one["tasks"]), f"{one['seconds']:.2f}", f"{one['cold']:.2f}"]
        for name, one in files.items()
    ]
    return (
        "The DAG processor imports Cosmos once and reads each file in a forked process. A task reads the "
        f"file too, but draws itself alone. The fastest of {TRIES} processes.\n\n" + page.table(head, lines)
    )


def _of_projects(projects: dict[int, dict[str, Any]]) -> str:
    head = ["models", "tests", "tasks", "s to draw", "ms a task", "s to store", "MB stored"]
    lines = [
        [
            str(size),
            str(size * TESTS_OF_A_MODEL),
            str(one["tasks"]),
            f"{one['seconds']:.2f}",
            f"{_each(one) * 1000:.2f}",
            f"{one['storing']:.2f}",
            f"{one['bytes'] / 1e6:.1f}",
        ]
        for size, one in projects.items()
    ]
    return page.table(head, lines)


def _each(one: dict[str, Any]) -> float:
    return float(one["seconds"]) / int(one["tasks"])


def _demo_gates(files: dict[str, dict[str, Any]]) -> list[Gate]:
    total = sum(float(one["seconds"]) for one in files.values())
    return [_at_most("the demo's DAG files, all of them", total, DEMO_SECONDS, "s")]


def _project_gates(projects: dict[int, dict[str, Any]]) -> list[Gate]:
    small, large = projects[SIZES[0]], projects[SIZES[-1]]
    name = f"{SIZES[-1]} models"
    whole = float(large["seconds"]) + float(large["storing"])
    return [
        _at_most(f"{name}: drawing", float(large["seconds"]), LARGEST_SECONDS, "s"),
        _at_most(f"{name}: drawing and storing", whole, TIMEOUT_SECONDS, "s"),
        _at_most(f"{name}: what is stored", large["bytes"] / 1e6, LARGEST_BYTES / 1e6, "MB"),
        _at_most(f"{name}: a task against one of {SIZES[0]}", _each(large) / _each(small), GROWTH, "times"),
    ]


def _at_most(about: str, measured: float, most: float, unit: str) -> Gate:
    return Gate(about, f"at most {most:.3g} {unit}", f"{measured:.2f} {unit}", measured <= most)
