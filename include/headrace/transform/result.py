"""What a run of dbt did, read from the files it leaves: the same for every way of running it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERMANENT_SQLSTATES = ("02", "22", "42")
"""Classes of SQLSTATE that running again does not change: no such object, bad data, syntax or rights."""


@dataclass(frozen=True)
class NodeResult:
    """One node's outcome. ``status`` is dbt's word; ``failures`` counts a test's rows, or is 0."""

    unique_id: str
    status: str
    message: str
    failures: int
    compiled_sql: str

    @property
    def failed(self) -> bool:
        """True when the node did not do what it should."""
        return self.status not in ("success", "pass", "warn", "no-op", "skipped")

    @property
    def permanent(self) -> bool:
        """True when running the node again cannot end otherwise: a test's verdict, or an error in the SQL."""
        state = re.search(r"\b\d{6} \((\w{2})\w{3}\)", self.message)
        return (
            self.status == "fail"
            or self.message.startswith("Compilation Error")
            or (state is not None and state.group(1) in PERMANENT_SQLSTATES)
        )


@dataclass(frozen=True)
class DbtResult:
    """A run's outcome: whether dbt called it a success, its nodes, and what it said where no node ran."""

    success: bool
    nodes: tuple[NodeResult, ...]
    error: str = ""


def read_nodes(target_dir: Path) -> tuple[NodeResult, ...]:
    """The nodes' results in ``run_results.json``, and in ``sources.json`` where freshness ran."""
    entries = _results(target_dir / "sources.json") + _results(target_dir / "run_results.json")
    return tuple(_node_result(entry) for entry in entries)


def _results(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["results"]) if path.exists() else []


def _node_result(entry: dict[str, Any]) -> NodeResult:
    message = str(entry.get("message") or entry.get("error") or "")
    if not message and "age" in entry:
        message = f"the newest load is {round(entry['age'])} seconds old (at {entry['max_loaded_at']})"
    return NodeResult(
        unique_id=entry["unique_id"],
        status=str(entry["status"]),
        message=message,
        failures=int(entry.get("failures") or 0),
        compiled_sql=str(entry.get("compiled_code") or ""),
    )
