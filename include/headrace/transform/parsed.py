"""Parsed manifests that a process holds in memory, so that the tasks forked from it need not decode them.

A run changes the manifest that it is given: each is handed out once. A forked task has a copy of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from include.headrace.transform.linking import link
from include.headrace.transform.run_manifest import FILE, store_dir
from include.headrace.transform.templates import compile_manifest

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_held: dict[str, Manifest] = {}


def decode(packed: Path) -> Manifest:
    """The manifest in a file that dbt wrote, ready for a run."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    manifest = Manifest.from_msgpack(packed.read_bytes(), decoder=extended_mashumuro_decoder)
    manifest.build_flat_graph()
    return manifest


def newest(store: Path | None = None) -> Path | None:
    """The newest of the kept manifests; None where there is none."""
    folder = store or store_dir()
    kept = [path for path in folder.glob(f"*/{FILE}") if not path.parent.name.startswith("tmp")]
    return max(kept, key=lambda path: path.stat().st_mtime, default=None)


def hold_newest(store: Path | None = None) -> None:
    """Decode the newest of the kept manifests, where there is one, for the tasks to come."""
    kept = newest(store)
    if kept is not None:
        held = decode(kept)
        compile_manifest(held)
        link(held)
        _held[kept.parent.name] = held


def hold(kept: Path) -> None:
    """Decode a kept manifest for the next run that needs it; of those held before, the last one stays."""
    for key in list(_held)[:-1]:
        del _held[key]
    held = decode(kept)
    link(held)
    _held[kept.parent.name] = held


def take(kept: Path) -> Manifest:
    """The manifest that is kept in a file: the one held for it, or else decoded now."""
    return _held.pop(kept.parent.name, None) or decode(kept)
