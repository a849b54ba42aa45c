"""bin/setup in a folder of its own, with stand-ins for apt and dpkg: no test installs system packages."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from include.headrace.settings import PROJECT_ROOT

Setup = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the set-up and nothing to install."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT_ROOT / "bin", project / "bin", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "packages.txt").write_text("# for builds\nlibexample-dev\n")
    (project / "packages-local.txt").write_text("pkg-config\n")
    (project / "requirements.lock").write_text("")
    return project


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with what a shell script needs, and this Python as python3."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "env"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    return tools


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def setup(project: Path, tools: Path) -> Setup:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "bin/setup"],
            cwd=project,
            env={"PATH": str(tools), "HOME": str(project), "LOG": str(project / "log")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


def test_without_a_python_it_says_what_is_needed(setup: Setup, tools: Path) -> None:
    (tools / "python3").unlink()
    program(tools, "python3", "exit 1")
    done = setup()
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.11, 3.12 or 3.13" in done.stderr


def test_as_root_missing_packages_and_no_others_are_installed(
    setup: Setup, project: Path, tools: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root installs without asking")
    program(tools, "dpkg-query", "echo 'installed pkg-config'; echo 'not-installed libexample-dev'")
    program(tools, "apt-get", 'echo "$@" >> "$LOG"; [ "$1" = update ]')
    done = setup()
    assert done.returncode == 1
    assert "this failed with code 1" in done.stderr
    update, install = (project / "log").read_text().splitlines()
    assert update.startswith("update")
    assert "libexample-dev" in install.split()
    assert "pkg-config" not in install.split()


def test_without_rights_it_prints_the_one_line_to_run(
    project: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tools, "dpkg-query", "echo 'installed pkg-config'")
    program(tools, "sudo", "exit 1")
    spec = importlib.util.spec_from_file_location("headrace_setup", project / "bin" / "setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Another user could not reach the Python of a test that runs as root.
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tools))
    line = "sudo apt-get update && sudo apt-get install -y libexample-dev"
    with pytest.raises(module.SetupError, match=line):
        module.install_packages()


def test_it_installs_once_and_again_when_the_lock_changes(setup: Setup, project: Path, tools: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(PROJECT_ROOT / ".venv" / "bin"))
    if uv is not None:
        (tools / "uv").symlink_to(uv)
    first = setup()
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    assert (project / ".venv" / "bin" / "python").exists()
    second = setup()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    (project / "requirements.lock").write_text("# changed\n")
    assert "installing requirements.lock" in setup().stderr


def test_a_linked_venv_is_left_alone(setup: Setup, project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").write_text("")
    (project / ".venv").symlink_to(other)
    done = setup()
    assert done.returncode == 1
    assert f".venv is a link to {other}" in done.stderr
    assert (other / "kept").exists()
