"""Dividing what stands in an order, such as files, among several readers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


def runs(items: Sequence[T], sizes: Sequence[int], most: int) -> list[Sequence[T]]:
    """The items in at most ``most`` runs, in their order, of about the same total size; none is empty.

    ``sizes`` are the items' own, in any unit. No items are no runs.
    """
    total = sum(sizes)
    found: list[list[T]] = [[] for _ in range(most)]
    for item, size, end in zip(items, sizes, accumulate(sizes), strict=True):
        # By its middle, so that a large item falls to the run that holds most of it.
        found[min(most - 1, (2 * end - size) * most // (2 * total) if total else 0)].append(item)
    return [run for run in found if run]
