from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from include.headrace.settings import PROJECT_ROOT


def pictures(path: str, *wanted: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with other programs on PATH."""
    return subprocess.run(
        [sys.executable, str(PROJECT_ROOT / "bin" / "pictures.py"), *wanted],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PATH": path, "HEADRACE_LOCAL_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_missing_programs_are_named_with_the_packages_that_have_them(tmp_path: Path) -> None:
    done = pictures("/nowhere", folder=tmp_path / "local")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: Xvfb, xterm, import, script, chromium, convert not found. On Debian or Ubuntu: "
        "sudo apt-get install -y bsdutils chromium imagemagick xterm xvfb\n"
    )
    assert not (tmp_path / "local").exists()


def test_only_what_the_wanted_picture_needs_is_asked_for(tmp_path: Path) -> None:
    chromium = tmp_path / "bin" / "chromium"
    chromium.parent.mkdir()
    chromium.write_text("#!/bin/sh\n")
    chromium.chmod(0o755)
    done = pictures(str(chromium.parent), "grid", folder=tmp_path / "local")
    assert done.returncode == 1
    assert done.stderr == (
        "error: convert not found. On Debian or Ubuntu: sudo apt-get install -y imagemagick\n"
    )


def test_an_unknown_picture_is_refused(tmp_path: Path) -> None:
    done = pictures("/nowhere", "sunset", folder=tmp_path / "local")
    assert done.returncode == 2
    assert "sunset" in done.stderr
