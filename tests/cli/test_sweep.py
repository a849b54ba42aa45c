"""``sweep`` as a person types it, against a local Snowflake of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from include.headrace.settings import PROJECT_ROOT


def sweep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "include.headrace", "sweep", *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, "HEADRACE_LOCAL_DIR": str(folder), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_platform_that_loaded_nothing_has_nothing_to_sweep_but_dead_folders(tmp_path: Path) -> None:
    left = tmp_path / "headrace-extract-left"
    left.mkdir()
    os.utime(left, (0, 0))
    looked = sweep(tmp_path, "--dry-run")
    assert (looked.returncode, looked.stdout) == (0, f"working folder {left}\n"), looked.stderr
    assert looked.stderr.endswith("would remove 1 leftovers of loads\n")
    assert left.exists()
    swept = sweep(tmp_path)
    assert swept.stdout == f"working folder {left}\n", swept.stderr
    assert swept.stderr.endswith("removed 1 leftovers of loads\n")
    assert not left.exists()


def test_an_age_without_a_unit_is_refused(tmp_path: Path) -> None:
    done = sweep(tmp_path, "--older-than", "7")
    assert done.returncode == 1
    assert "--older-than is not a duration" in done.stderr
