"""Reading a page as steps, and taking them: files are written, commands are run, output is compared.

A fenced block is a step when a comment stands on the line before it: ``<!-- file: path -->`` for a file
with that content, ``<!-- run -->`` for commands, with ``: and leave running`` or ``: ends red`` where
they do not end or end with an error, ``<!-- prints -->`` for what the commands before it print, with
``...`` for what differs.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from include.headrace.settings import PROJECT_ROOT

STEP = re.compile(r"^<!-- (file|run|prints)(?:: ([^\n]+?))? -->\n```\w*\n(.*?)^```$", re.M | re.S)
COMMAND_SECONDS = 300
"""A command that hangs ends its test; this bounds no speed."""


@dataclass(frozen=True)
class Step:
    """One block: ``kind`` is file, run or prints, ``detail`` what stands behind it in its comment."""

    kind: str
    detail: str
    text: str


def steps_of(page: str) -> list[Step]:
    """The steps of a page, in order."""
    return [Step(kind, detail, text) for kind, detail, text in STEP.findall(page)]


def matches(shown: str, printed: str) -> bool:
    """Whether what was printed is what is shown, ``...`` standing for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.S) is not None


def copy_checkout(folder: Path) -> None:
    """Copy what git keeps of this checkout. The copy's ``.venv`` runs the Python of these tests."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in listed.split("\0"):
        if (PROJECT_ROOT / name).is_file():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((PROJECT_ROOT / name).read_bytes())
            path.chmod((PROJECT_ROOT / name).stat().st_mode)
    # No link to the real .venv: whatever set-up might do to the copy's must not reach it.
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (folder / "bin" / "setup").write_text("# The tests have set up already.\n")


class Follower:
    """Takes steps in a copy of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self._log = folder.with_suffix(".log")
        self._left: subprocess.Popen[bytes] | None = None

    def take(self, step: Step) -> None:
        """Take one step. Raises AssertionError where it goes otherwise than the page says."""
        if step.kind == "file":
            path = self.folder / step.detail
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        elif step.kind == "prints":
            self._compare(step.text)
        elif step.detail == "and leave running":
            self._leave_running(step.text)
        else:
            self._run(step.text, red=step.detail == "ends red")

    def _run(self, commands: str, *, red: bool) -> None:
        done = subprocess.run(
            ["sh", "-e", "-c", commands],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        self.printed = done.stdout
        assert (done.returncode != 0) == red, f"{commands}ended with {done.returncode}:\n{done.stdout}"

    def _leave_running(self, command: str) -> None:
        with self._log.open("wb") as log:
            self._left = subprocess.Popen(
                ["sh", "-c", f"exec env {command}"],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _compare(self, shown: str) -> None:
        if self._left is not None and not self.printed:
            self._wait_for(shown)
        else:
            assert matches(shown, self.printed), (
                f"the page shows\n{shown}\nand this was printed\n{self.printed}"
            )

    def _wait_for(self, shown: str) -> None:
        """Wait until a command that goes on has printed what is shown, after whatever it said before."""
        assert self._left is not None
        until = time.monotonic() + COMMAND_SECONDS
        while not matches(f"...{shown.strip()}", self._log.read_text()):
            assert self._left.poll() is None, self._log.read_text()
            assert time.monotonic() < until, f"it never printed\n{shown}\nbut\n{self._log.read_text()}"
            time.sleep(0.5)

    def stop(self) -> None:
        """End what was left running, as the page or else as ``make down`` does."""
        if self._left is None:
            return
        if self._left.poll() is None:
            subprocess.run(["make", "down"], cwd=self.folder, timeout=COMMAND_SECONDS, check=False)
        try:
            self._left.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self._left.pid, signal.SIGKILL)
            self._left.wait()
