"""What ours must keep to beside the other ways, in one run on one machine."""

from __future__ import annotations

from collections.abc import Sequence

from bench.gates import Gate
from bench.transform.side_by_side import Row
from bench.transform.ways import BARE, FLOOR, OURS, STOCK

MOST = 1.25
"""How much longer ours may take than the bare build and the empty tasks together."""
LEAST = 5.0
"""How much faster ours is than Cosmos's LOCAL mode with as many tasks."""


def of_project(name: str, rows: Sequence[Row]) -> list[Gate]:
    """The two goals; one that could not be measured is missed."""
    walls = {row.way.name: row.wall for row in rows if row.measured}
    ours, floor, stock = walls.get(OURS), _sum(walls.get(BARE), walls.get(FLOOR)), walls.get(STOCK)
    share = None if ours is None or floor is None else ours / floor
    faster = None if ours is None or stock is None else stock / ours
    return [
        Gate(
            f"{name}: ours against {BARE} and {FLOOR} together",
            f"at most {MOST} times",
            None if share is None else f"{share:.2f} times",
            share is not None and share <= MOST,
        ),
        Gate(
            f"{name}: faster than {STOCK}",
            f"at least {LEAST:.0f} times",
            None if faster is None else f"{faster:.1f} times",
            faster is not None and faster >= LEAST,
        ),
    ]


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
