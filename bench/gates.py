"""The gates: ratios and bounds that one run must meet, whatever the machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.fidelity import EXACT
from bench.peers import ADBC, CONNECTORX, DLT, DRAIN, JSON_UTIL, OURS
from bench.results import Row, Table

MEMORY_MB = 300
"""Memory above the interpreter that any table may take."""

SAME_MEMORY_MB = 15
"""What ten times the rows may take more: the peaks of two runs over the same rows differ by as much, and
memory that grew with the rows would be tenfold."""


@dataclass(frozen=True)
class Gate:
    """One gate: what it is about, what was asked, what was measured (None: it could not be)."""

    about: str
    asked: str
    measured: str | None
    met: bool

    def __str__(self) -> str:
        state = "met" if self.met else "MISSED"
        return f"{state}: {self.about}: {self.measured or 'not measured'}, asked {self.asked}"


def speed(table: Table, other: str, least: float, ours: str = OURS) -> Gate:
    """Our rate as a share of another's best, at least ``least``."""
    mine, theirs = table.row(ours), table.best(other)
    about = f"{table.title}: speed against {other}"
    if mine is None or theirs is None:
        return Gate(about, f"at least {least}", None, met=False)
    ratio = mine.rate / theirs.rate
    return Gate(
        f"{table.title}: speed against {theirs.peer}", f"at least {least}", f"{ratio:.2f}", ratio >= least
    )


def cpu(table: Table, other: str, most: float) -> Gate:
    """Our client's CPU time as a share of another's, at most ``most``."""
    mine, theirs = table.row(OURS), table.row(other)
    about = f"{table.title}: client CPU against {other}"
    if mine is None or theirs is None:
        return Gate(about, f"at most {most}", None, met=False)
    ratio = mine.cpu_seconds / theirs.cpu_seconds
    return Gate(about, f"at most {most}", f"{ratio:.2f}", ratio <= most)


def memory(table: Table) -> list[Gate]:
    """Our memory over each row of ours, in bounds."""
    return [_bounded(table, row) for row in table.rows if row.ours]


def _bounded(table: Table, row: Row) -> Gate:
    about, asked = f"{table.title}: memory of {row.peer}", f"at most {MEMORY_MB} MB"
    if not row.measured:
        return Gate(about, asked, None, met=False)
    return Gate(about, asked, f"{row.memory_mb:.0f} MB", row.memory_mb <= MEMORY_MB)


def same_memory(few: Table, many: Table) -> Gate:
    """How much more memory ours takes over many rows than over few."""
    small, large = few.row(OURS), many.row(OURS)
    about, asked = f"{many.title}: memory against {few.title}", f"at most {SAME_MEMORY_MB} MB more"
    if small is None or large is None:
        return Gate(about, asked, None, met=False)
    more = large.memory_mb - small.memory_mb
    return Gate(about, asked, f"{more:.0f} MB more", more <= SAME_MEMORY_MB)


def exact(table: Table) -> list[Gate]:
    """Our files hold the known data."""
    return [
        Gate(
            f"{table.title}: fidelity of {row.peer}",
            EXACT,
            row.error or row.fidelity,
            row.measured and row.fidelity == EXACT,
        )
        for row in table.rows
        if row.ours
    ]


def of_postgres(tables: Iterable[Table]) -> list[Gate]:
    """0.9 of raw ADBC and 1.3 of dlt's best, for every table."""
    return [
        gate
        for table in tables
        for gate in (speed(table, ADBC, 0.9), speed(table, DLT, 1.3), *memory(table), *exact(table))
    ]


def of_mysql(tables: Iterable[Table]) -> list[Gate]:
    """0.9 of connectorx's stream and of dlt's best, for every table."""
    return [
        gate
        for table in tables
        for gate in (speed(table, CONNECTORX, 0.9), speed(table, DLT, 0.9), *memory(table), *exact(table))
    ]


def of_mongo(tables: Iterable[Table]) -> list[Gate]:
    """0.8 of the server's drain, with a quarter of the CPU of json_util."""
    return [
        gate
        for table in tables
        for gate in (speed(table, DRAIN, 0.8), cpu(table, JSON_UTIL, 0.25), *memory(table), *exact(table))
    ]


def of_files(tables: Iterable[Table]) -> list[Gate]:
    """Bounded memory and exact values; of speed nothing is asked."""
    return [gate for table in tables for gate in (*memory(table), *exact(table))]


def of_raw(tables: Iterable[Table]) -> list[Gate]:
    """Exact values in RAW in bounded memory; the local Snowflake's speed is nobody's promise."""
    return [gate for table in tables for gate in (*memory(table), *exact(table))]


def of_memory(tables: Sequence[Table]) -> list[Gate]:
    """Bounds at both sizes, and the same memory at both."""
    few, many = tables
    return [*memory(few), *memory(many), same_memory(few, many), *exact(few), *exact(many)]
