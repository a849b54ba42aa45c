"""What several runs of each peer come to: medians, spreads and ratios."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from bench.measuring import Run


@dataclass
class Row:
    """A peer's runs over one table. ``error`` is set when it did not do it."""

    peer: str
    version: str
    rows: int
    runs: list[Run] = field(default_factory=list)
    fidelity: str = ""
    error: str | None = None
    ours: bool = False

    @property
    def measured(self) -> bool:
        """True when there is something to compare."""
        return bool(self.runs) and self.error is None

    @property
    def seconds(self) -> float:
        """Median of the runs."""
        return median(run.seconds for run in self.runs)

    @property
    def rate(self) -> float:
        """Rows a second, of the median run."""
        return self.rows / self.seconds

    @property
    def spread(self) -> tuple[float, float]:
        """Rows a second of the slowest and of the fastest run."""
        taken = [run.seconds for run in self.runs]
        return self.rows / max(taken), self.rows / min(taken)

    @property
    def cpu_seconds(self) -> float:
        """Median of the client's CPU time."""
        return median(run.cpu_seconds for run in self.runs)

    @property
    def memory_mb(self) -> float:
        """The largest of the runs."""
        return max(run.memory_mb for run in self.runs)


@dataclass
class Table:
    """One table of the page: peers side by side over the same data."""

    title: str
    rows: list[Row]

    def row(self, peer: str) -> Row | None:
        """A peer's row, if it was measured."""
        return next((row for row in self.rows if row.peer == peer and row.measured), None)

    def best(self, prefix: str) -> Row | None:
        """The fastest row of the peers whose names begin so."""
        found = [row for row in self.rows if row.peer.startswith(prefix) and row.measured]
        return max(found, key=lambda row: row.rate, default=None)
