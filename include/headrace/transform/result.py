"""What a run of dbt did, read from the files it leaves: the same for every way of running it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

PERMANENT_SQLSTATES = ("02", "22", "42")
"""Classes of SQLSTATE that running again does not change: no such object, bad data, syntax or rights."""


@dataclass(frozen=True)
class NodeResult:
    """One node's outcome. ``status`` is dbt's word; ``failures`` counts a test's rows, or is 0.

    ``relation`` is what the node built, or where a test with ``store_failures`` keeps its rows, quoted as
    dbt writes it. ``rows`` counts what its last statement inserted, updated and deleted; None for a view,
    a test, and where the warehouse did not say. ``bytes`` is the size of the table that was built, None
    likewise. ``query_id`` is that statement's, or that of the statement that failed. ``started_at``,
    ``compiled_at`` and ``ended_at`` are moments as dbt writes them (ISO 8601, UTC), empty for a step that the
    node did not reach. ``invocation_id`` names the run of dbt, ``thread`` the thread of it.
    """

    unique_id: str
    status: str
    message: str
    failures: int
    compiled_sql: str
    relation: str = ""
    rows: int | None = None
    bytes: int | None = None
    query_id: str = ""
    seconds: float = 0.0
    started_at: str = ""
    compiled_at: str = ""
    ended_at: str = ""
    invocation_id: str = ""
    thread: str = ""

    @property
    def is_test(self) -> bool:
        """True for data tests and unit tests."""
        return self.unique_id.startswith(("test.", "unit_test."))

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
    """The entries of a file of results, each with the id of the run of dbt that wrote it."""
    if not path.exists():
        return []
    artifact = json.loads(path.read_text())
    invocation_id = (artifact.get("metadata") or {}).get("invocation_id")
    return [{**entry, "invocation_id": invocation_id} for entry in artifact["results"]]


def _node_result(entry: dict[str, Any]) -> NodeResult:
    message = str(entry.get("message") or entry.get("error") or "")
    if not message and "max_loaded_at" in entry:
        age = timedelta(seconds=round(entry["max_loaded_at_time_ago_in_s"]))
        message = f"the newest load is {age} old (of {entry['max_loaded_at']})"
    steps = {step["name"]: step for step in entry.get("timing") or ()}
    return NodeResult(
        unique_id=entry["unique_id"],
        status=str(entry["status"]),
        message=message,
        failures=int(entry.get("failures") or 0),
        compiled_sql=str(entry.get("compiled_code") or "").strip(),
        relation=str(entry.get("relation_name") or ""),
        rows=_rows(entry.get("adapter_response") or {}),
        bytes=(entry.get("adapter_response") or {}).get("bytes"),
        query_id=str((entry.get("adapter_response") or {}).get("query_id") or _failed_query(message)),
        seconds=round(float(entry.get("execution_time") or 0), 3),
        started_at=_moment(steps, "compile", "started_at") or _moment(steps, "execute", "started_at"),
        compiled_at=_moment(steps, "compile", "completed_at"),
        ended_at=_moment(steps, "execute", "completed_at") or _moment(steps, "compile", "completed_at"),
        invocation_id=str(entry.get("invocation_id") or ""),
        thread=str(entry.get("thread_id") or ""),
    )


def _moment(steps: Mapping[str, Mapping[str, Any]], step: str, end: str) -> str:
    return str(steps.get(step, {}).get(end) or "")


def _failed_query(message: str) -> str:
    """The query that an error is of: dbt says it in the message alone, as Snowflake's connector writes it."""
    found = re.search(r"\b\d{6} \(\w{5}\): ([0-9a-f]{8}(?:-[0-9a-f]{4,12}){4}): ", message)
    return found.group(1) if found else ""


def _rows(response: Mapping[str, Any]) -> int | None:
    """Rows changed. dbt-snowflake's own ``rows_affected`` is 1 for each statement that only answers with a
    status (dbt.adapters.snowflake.connections.get_response), so it holds for a seed's INSERT alone."""
    changed = [response[key] for key in ("rows_inserted", "rows_updated", "rows_deleted") if key in response]
    if changed:
        return sum(changed)
    return response.get("rows_affected") if response.get("code") == "INSERT" else None
