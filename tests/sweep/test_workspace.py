"""Working folders on a worker's disk: whose they are, and who removes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from include.headrace import workspace
from include.headrace.settings import PROJECT_ROOT

HOLDER = """
import sys, time
from pathlib import Path
from include.headrace.workspace import working_folder
with working_folder(Path(sys.argv[1])) as folder:
    (folder / "rows.open").write_text("half a file")
    print(folder, flush=True)
    time.sleep(60)
"""


def hold(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A task of its own process that works in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(parent)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def make_older(folder: Path) -> None:
    os.utime(folder, (time.time() - 3600,) * 2)


def test_a_folder_is_removed_at_the_end_of_its_task(tmp_path: Path) -> None:
    with workspace.working_folder(tmp_path) as folder:
        (folder / "part.parquet").write_text("rows")
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert list(tmp_path.iterdir()) == []


def test_the_next_task_removes_the_folder_of_a_killed_one_and_not_of_a_living_one(
    tmp_path: Path,
) -> None:
    killed, left = hold(tmp_path)
    living, kept = hold(tmp_path)
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        for folder in (left, kept):
            make_older(folder)
        with workspace.working_folder(tmp_path) as folder:
            assert sorted(tmp_path.iterdir()) == sorted([kept, folder])
        assert (kept / "rows.open").read_text() == "half a file"
    finally:
        living.kill()
        living.wait()


def test_a_folder_made_this_minute_is_left_to_its_task(tmp_path: Path) -> None:
    (tmp_path / f"{workspace.PREFIX}new").mkdir()
    assert workspace.remove_abandoned(tmp_path) == []


def test_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / "headrace-other").mkdir()
    (tmp_path / f"{workspace.PREFIX}file").write_text("no folder")
    for path in tmp_path.iterdir():
        make_older(path)
    assert workspace.remove_abandoned(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2
