from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform.baked import hold_baked, read_baked
from include.headrace.transform.manifest import manifest_path
from tests.transform.conftest import SAMPLE, copy_of
from tests.transform.manifests import manifest_of, model


def test_a_manifest_is_read_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest_of(model("first"))))
    read = read_baked(path)
    assert list(read.ids.values()) == ["first.run"]
    assert read_baked(path) is read
    # As baking does it: another file takes its place.
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(manifest_of(model("other"))))
    os.utime(changed, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    changed.replace(path)
    assert list(read_baked(path).ids.values()) == ["other.run"]


def test_what_is_held_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    hold_baked(path)
    path.write_text(json.dumps(manifest_of(model("first", folder="staging"))))
    hold_baked(path)
    found = vars(read_baked(path))
    assert {"taken", "layers", "descriptions", "marts"} <= set(found)


def test_a_project_that_cannot_be_drawn_does_not_stop_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    # Both would be the task `a_b.run`.
    path.write_text(json.dumps(manifest_of(model("a.b"), model("a_b"))))
    hold_baked(path)
    path.write_text("{")
    hold_baked(path)


def test_another_folder_can_hold_the_dbt_project(tmp_path: Path) -> None:
    folder = copy_of(SAMPLE, tmp_path / "elsewhere")
    done = subprocess.run(
        [sys.executable, "-m", "include.headrace", "parse"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "HEADRACE_DBT_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(manifest_path(folder).read_text())["metadata"]["project_name"] == "shop"
