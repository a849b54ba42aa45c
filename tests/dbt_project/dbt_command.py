"""The dbt command as a process, on a project of a test's choice, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARNINGS_ARE_ERRORS = json.dumps({"error": "all", "warn": ["LogTestResult"]})
"""Every warning of dbt fails the command, deprecations too; a data test that warns does not."""


@dataclass(frozen=True)
class Run:
    """One finished command: its exit status, output and artifacts."""

    returncode: int
    output: str
    folder: Path

    def artifact(self, name: str) -> dict[str, Any]:
        """An artifact by its file name, such as ``manifest.json``."""
        loaded: dict[str, Any] = json.loads((self.folder / "target" / name).read_text())
        return loaded

    def statuses(self) -> dict[str, str]:
        """Status by node name: the last part of the id, without the hash that dbt adds."""
        results = self.artifact("run_results.json")["results"]
        return {_name(result["unique_id"]): result["status"] for result in results}

    def failures(self) -> dict[str, int]:
        """Failing rows by test name."""
        results = self.artifact("run_results.json")["results"]
        return {
            _name(result["unique_id"]): result["failures"]
            for result in results
            if result["unique_id"].startswith("test.")
        }

    def statements(self) -> list[str]:
        """Every statement that the command sent, each once, from dbt's own log."""
        events = (json.loads(line) for line in (self.folder / "logs" / "dbt.log").read_text().splitlines())
        sent = (event["data"]["sql"] for event in events if event["info"]["name"] == "SQLQuery")
        return list(dict.fromkeys(sent))


def _name(unique_id: str) -> str:
    kind, _, rest = unique_id.split(".", 2)
    return rest.split(".")[0] if kind == "test" else rest


def dbt(*arguments: str, project: Path, folder: Path, port: int | None = None) -> Run:
    """Run dbt on ``project`` with its artifacts and log under ``folder``.

    ``port`` is that of a local Snowflake; without one the command may not connect.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DBT_", "SNOWFLAKE_", "HEADRACE_"))}
    server = {
        "SNOWFLAKE_ACCOUNT": "local",
        "SNOWFLAKE_USER": "headrace",
        "SNOWFLAKE_PASSWORD": "any",
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": str(port or 1),
        "SNOWFLAKE_PROTOCOL": "http",
    }
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")),
            *("--warn-error-options", WARNINGS_ARE_ERRORS, "--no-use-colors"),
            *("--log-format-file", "json", "--log-level-file", "debug"),
            *arguments,
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        ],
        cwd=folder,
        env={**clean, **server, "DO_NOT_TRACK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    return Run(done.returncode, done.stdout, folder)
