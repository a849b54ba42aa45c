"""The dbt projects that are measured: the demo's, with its data loaded, and generated ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.places import HOME
from bench.transform import generated
from include.headrace import settings

TRANSFORM_HOME = HOME / "transform"
DEMO = "demo"
DEMO_SECONDS = 1200
"""A demo that takes so long has hung; this bounds no speed."""
NOT_COPIED = shutil.ignore_patterns("target", "logs", ".user.yml", "ops")
"""What ``make`` leaves: models about the runs of the others are of another DAG, and need a run first."""


@dataclass(frozen=True)
class Project:
    """A dbt project below the bench's home, and the warehouse that each of its runs begins with."""

    name: str
    folder: Path
    warehouse: Path
    """The data of a local Snowflake; a folder that does not exist is an empty one."""

    def nodes(self) -> int:
        """How many nodes ``dbt build`` runs, by the manifest: models, seeds, snapshots, tests."""
        manifest = json.loads((self.folder / "target" / "manifest.json").read_text())
        kinds = [
            node["resource_type"]
            for node in manifest["nodes"].values()
            if node["resource_type"] in ("model", "seed", "snapshot", "test")
            and node["config"].get("materialized") != "ephemeral"
        ]
        return len(kinds) + len(manifest["unit_tests"])


def make(name: str, say: Callable[[str], None]) -> Project:
    """The project ``demo``, or one of as many models as the name says: ``models_100``.

    The demo's sources are loaded by the demo itself, the first time.
    """
    home = TRANSFORM_HOME / name
    project = Project(name, home / "project", home / "warehouse")
    shutil.rmtree(project.folder, ignore_errors=True)
    if name != DEMO:
        generated.write(project.folder, int(name.removeprefix("models_")))
        return project
    shutil.copytree(settings.DBT_DIR, project.folder, ignore=NOT_COPIED)
    if not project.warehouse.exists():
        say("loading the demo's sources by `make demo`")
        _load(home / "local")
        shutil.copytree(home / "local" / "snowflake", project.warehouse)
    return project


def _load(local: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.headrace", "demo"],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, "HEADRACE_LOCAL_DIR": str(local)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"The demo did not get to its end:\n{done.stdout[-4000:]}")
