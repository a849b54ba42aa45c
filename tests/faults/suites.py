"""What a fault suite is: cases with names, each of which breaks something and looks at what is left.

A suite is a context manager over a folder of its own; it starts its servers and gives the cases, in order.
A case raises ``tasks.Broken`` when rows were lost or doubled, when a task stayed red, or when its fault did
not happen. Suites are collected in ``__main__``; each runs in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One fault: its name says where, of which kind of source, and what. Equal names are one fault."""

    name: str
    inject: Callable[[], None]


Suite = Callable[[Path], AbstractContextManager[Iterator[Case]]]
