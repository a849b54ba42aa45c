"""Three ways of running dbt behind one interface, and the choice between them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from include.headrace.errors import ConfigError
from include.headrace.transform.result import DbtResult

SETTING = "HEADRACE_DBT_RUNNER"


class DbtRunner(Protocol):
    """Runs dbt commands, one at a time."""

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """Run ``dbt <args>`` and return what it did; a failed node is a result, not an exception.

        ``args`` say the project's folder, profile and target. ``env`` is dbt's whole environment.
        ``project_dir`` is the project as it is kept, which the parsed manifest belongs to; the
        command runs in ``work_dir``, a copy of it whose ``target`` receives what dbt writes.
        """
        ...

    def cancel(self) -> None:
        """Stop the command that is running, and its queries, from a signal handler."""
        ...


def make_runner() -> DbtRunner:
    """The runner that HEADRACE_DBT_RUNNER names: ``forked``, ``warm``, ``subprocess``, or ``auto`` (default).

    ``auto`` runs dbt in this process where it is loaded already, as in a task forked from a preloaded
    parent; else in a warm worker where dbt can be imported; else as a command. Raises ConfigError for any
    other value.
    """
    setting = os.environ.get(SETTING, "auto")
    if setting not in ("auto", "forked", "warm", "subprocess"):
        raise ConfigError(f"{SETTING} is {setting!r}; set it to auto, forked, warm, subprocess or cosmos.")
    if setting == "forked" or (setting == "auto" and "dbt.cli.main" in sys.modules):
        from include.headrace.transform.forked_runner import ForkedRunner

        return ForkedRunner()
    if setting == "warm" or (setting == "auto" and _has_dbt()):
        from include.headrace.transform.warm_runner import WarmRunner

        return WarmRunner()
    from include.headrace.transform.subprocess_runner import SubprocessRunner

    return SubprocessRunner()


def _has_dbt() -> bool:
    """True where ``dbt.cli.main`` can be imported, found without importing it. dbt 2 has none."""
    spec = find_spec("dbt")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return any(Path(folder, "cli", "main.py").exists() for folder in folders)
