"""The peers' environments: one a file of ``requirements``, made once by uv or pip, apart from the project."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.places import ENVIRONMENTS, REQUIREMENTS
from bin.setup import environment

OWN = "headrace"
"""The name of the environment that the project itself runs in."""


class NotInstalled(Exception):
    """An environment cannot be made here; the message is the end of what the installer said."""


@dataclass(frozen=True)
class Environment:
    """An environment by its name, which is that of its file of requirements."""

    name: str

    @property
    def folder(self) -> Path:
        return ENVIRONMENTS / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return Path(sys.executable) if self.name == OWN else self.folder / "bin" / "python"

    @property
    def _requirements(self) -> Path:
        return REQUIREMENTS / f"{self.name}.txt"

    def pins(self) -> dict[str, str]:
        """The packages named in its requirements, without extras, and their versions."""
        lines = [line.split("#")[0].strip() for line in self._requirements.read_text().splitlines()]
        pairs = [line.split("==") for line in lines if line]
        return {name.split("[")[0]: version for name, version in pairs}

    def make(self) -> None:
        """Install it unless it is there as its requirements and this interpreter want it.

        Raises NotInstalled when that fails, such as for a package without a wheel for this machine.
        """
        if self.name == OWN or (self._stamp.exists() and self._stamp.read_text() == self._fingerprint()):
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        if uv:
            _run(uv, "venv", "--quiet", "--python", sys.executable, self.folder)
            install: list[str | Path] = [
                uv,
                "pip",
                "install",
                "--quiet",
                "--compile-bytecode",
                "--python",
                self.python,
            ]
        else:
            _run(sys.executable, "-m", "venv", self.folder)
            install = [self.python, "-m", "pip", "install", "--quiet"]
        _run(*install, "-r", self._requirements)
        self._stamp.write_text(self._fingerprint())

    @property
    def _stamp(self) -> Path:
        return self.folder / ".bench"

    def _fingerprint(self) -> str:
        return hashlib.sha256(sys.version.encode() + self._requirements.read_bytes()).hexdigest()


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(word) for word in command], check=False, env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        raise NotInstalled(done.stderr.strip()[-500:])
