"""One load of a table whose rows are cases, and what came of each: in RAW, in quarantine, in the stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.headrace.config import AnySource, Table
from include.headrace.manifest import LoadIds
from include.headrace.names import fold
from include.headrace.stage import stage_location
from tests.support.intake import Intake
from tests.support.loads import DATABASE
from tests.values.case import Case, Placed, equal, equal_json, placed


@dataclass(frozen=True)
class Aside:
    """A row of quarantine."""

    position: str
    reason: str
    record: str


@dataclass(frozen=True)
class Loaded:
    """All that one load left. ``raw`` and ``staged`` are rows by their number, names in lower case;
    ``types`` are those that the columns of RAW are made with; ``receipt`` is the row of LOADS."""

    raw: dict[int, dict[str, Any]]
    staged: dict[int, dict[str, Any]]
    types: dict[str, str]
    aside: tuple[Aside, ...]
    receipt: dict[str, Any]


@dataclass(frozen=True)
class Checked:
    """A case that was found as promised. ``reason`` is that of the quarantined row, without the column."""

    case: Case
    reason: str = ""


def load(intake: Intake, source: AnySource, table: Table, key: str = "id") -> Loaded:
    """Extract and load a table as its two tasks do, and read back what came of it.

    ``key`` is the column with a row's number.
    """
    name, key = fold(table.name), key.lower()
    staged: dict[int, dict[str, Any]] = {}
    types: dict[str, str] = {}

    def look(ids: LoadIds) -> None:
        types.update({column.name.lower(): column.type for column in intake.shop.manifest(ids).columns})
        for file in _fetched(intake, ids):
            for row in _readable(pq.read_table(file)).to_pylist():
                lowered = {column.lower(): value for column, value in row.items()}
                staged[int(lowered[key])] = lowered

    receipt = intake.run(source, table, before_load=look)
    rows = intake.shop.query(f"SELECT * FROM {intake.shop.table(name)}")
    aside = intake.shop.query(
        f'SELECT "POSITION", "REASON", "RECORD" FROM {intake.shop.table(name + "__QUARANTINE")}'
    )
    return Loaded(
        raw={int(row[key]): row for row in rows},
        staged=staged,
        types=types,
        aside=tuple(Aside(row["position"], row["reason"], row["record"]) for row in aside),
        receipt=receipt,
    )


def check(
    loaded: Loaded,
    cases: Sequence[Case],
    number_of: Callable[[Aside], int],
    *,
    place: Callable[[Sequence[Case]], Sequence[Placed]] = placed,
    others: int = 0,
) -> list[Checked]:
    """Hold what was loaded against the cases, and fail with every difference in one message.

    ``number_of`` tells the number of the row that was set aside; ``others`` counts rows that are no case.
    """
    reasons = {number_of(aside): aside.reason for aside in loaded.aside}
    problems, checked = [], []
    for one in place(cases):
        case, reason = one.case, reasons.get(one.number)
        told = _difference(loaded, one, reason)
        if told:
            problems.append(f"row {one.number}, {case.type} {case.value[:80]}: {told}")
        checked.append(Checked(case, (reason or "").replace(f"{one.column}: ", "")))
    quarantined = sum(case.outcome == "quarantined" for case in cases)
    counts = {
        "rows_extracted": len(cases) + others,
        "rows_quarantined": quarantined,
        "rows_discarded": 0,
        "rows_loaded": len(cases) + others - quarantined,
    }
    for name, count in counts.items():
        if loaded.receipt[name] != count:
            problems.append(f"the receipt says {name} {loaded.receipt[name]}, not {count}")
    if len(loaded.aside) != quarantined or len(loaded.raw) != counts["rows_loaded"]:
        problems.append(f"{len(loaded.raw)} rows are in RAW, {len(loaded.aside)} in quarantine")
    assert not problems, "\n".join(problems)
    return checked


def _difference(loaded: Loaded, one: Placed, reason: str | None) -> str | None:
    """What is not as the case promises; None when all is."""
    case = one.case
    lands = loaded.types.get(one.column)
    if lands != case.lands:
        return f"the column is {lands} in RAW, not {case.lands}"
    if case.outcome == "quarantined":
        if reason is None:
            return f"not set aside: {loaded.raw.get(one.number, {}).get(one.column)!r:.200}"
        return None if case.expected in reason else f"set aside for another reason: {reason}"
    if reason is not None:
        return f"set aside: {reason}"
    rows = loaded.raw if case.seen_in == "RAW" else loaded.staged
    if one.number not in rows:
        return "neither in RAW nor in quarantine"
    found = rows[one.number][one.column]
    is_json = lands == "VARIANT" and case.expected is not None
    if not (equal_json if is_json else equal)(found, case.expected):
        return f"arrived as {found!r:.200}, not {case.expected!r:.200}"
    strays = [
        name
        for name, value in rows[one.number].items()
        if value is not None and name.startswith("c") and name[1:].isdigit() and name != one.column
    ]
    return f"values stand in {', '.join(strays)} too" if strays else None


def _readable(table: pa.Table) -> pa.Table:
    """A table with nanoseconds as text, since Python's times have none."""
    for place, field in enumerate(table.schema):
        if pa.types.is_temporal(field.type) and getattr(field.type, "unit", "") == "ns":
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table


def _fetched(intake: Intake, ids: LoadIds) -> list[Path]:
    """The staged files of rows, on this machine's disk."""
    folder = intake.folder / "staged"
    folder.mkdir()
    names = [file.name for file in intake.shop.manifest(ids).files_of("rows")]
    location = stage_location(DATABASE, fold(ids.source), ids.path)
    intake.shop.query(f"GET '{location}' 'file://{folder.as_posix()}/'")
    return [folder / name for name in names]
