"""Peers over the same data, in alternating order, several times each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import fidelity
from bench.environments import Environment, NotInstalled
from bench.making import emptied
from bench.measuring import Run, RunFailed, run, shortened
from bench.peers import Peer
from bench.places import WORK
from bench.results import Row, Table

SLOW = 3
"""A peer that takes so many times as long as ours is run once."""

Say = Callable[[str], None]
Check = Callable[[Peer, Path], str]
"""What is right or wrong with the files of a peer's first run: ``exact``, or the difference."""

Count = Callable[[Peer, Path], int]
"""The rows that a later run left; of the files where none is given."""


@dataclass
class SideBySide:
    rounds: int
    say: Say
    work: Path = WORK
    not_installed: dict[str, str | None] = field(default_factory=dict)
    """Environments looked for: why each cannot be had, None when it is there."""

    def measure(
        self,
        title: str,
        peers: Sequence[Peer],
        job: Mapping[str, Any],
        rows: int,
        check: Check,
        count: Count | None = None,
    ) -> Table:
        """Run the peers over one table. A peer that fails has its error in its row; the others go on."""
        table = Table(title, [Row(peer.name, peer.version, rows, ours=peer.ours) for peer in peers])
        pairs = list(zip(peers, table.rows, strict=True))
        for round_ in range(self.rounds):
            for peer, row in pairs if round_ % 2 == 0 else reversed(pairs):
                if row.error is None and (round_ == 0 or not self._slow(row, table)):
                    self._once(title, peer, row, job, check, count)
        return table

    def installed(self, peer: Peer) -> str | None:
        """None once the peer's environment is there, else why it cannot be."""
        name = peer.environment
        if name not in self.not_installed:
            try:
                Environment(name).make()
                self.not_installed[name] = None
            except NotInstalled as error:
                self.not_installed[name] = f"cannot be installed here: {shortened(str(error))}"
        return self.not_installed[name]

    def _slow(self, row: Row, table: Table) -> bool:
        ours = next((one for one in table.rows if one.ours and one.measured), None)
        return ours is not None and row.runs[0].seconds > SLOW * ours.runs[0].seconds

    def _once(
        self,
        title: str,
        peer: Peer,
        row: Row,
        job: Mapping[str, Any],
        check: Check,
        count: Count | None,
    ) -> None:
        try:
            missing = self.installed(peer)
            if missing is not None:
                raise RunFailed(missing)
            with_options = {**job, "options": {**job.get("options", {}), **peer.options}}
            folder = emptied(self.work / "out")
            done: Run = run(
                Environment(peer.environment), peer.module, {**with_options, "folder": str(folder)}
            )
            self._look(peer, row, folder, check, count)
            row.runs.append(done)
        except RunFailed as error:
            row.error = str(error)
            self.say(f"{title}: {peer.name}: FAILED: {error}")
        else:
            self.say(f"{title}: {peer.name}: {done.seconds:.2f} s, {done.memory_mb:.0f} MB, {row.fidelity}")
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(self.work)

    def _look(self, peer: Peer, row: Row, folder: Path, check: Check, count: Count | None) -> None:
        """The first run's values are compared; of each later one the rows are counted."""
        if not peer.files:
            row.fidelity = "-"
        elif not row.runs:
            row.fidelity = check(peer, folder)
        else:
            found = fidelity.count(folder) if count is None else count(peer, folder)
            if found != row.rows:
                raise RunFailed(f"{found:,} rows instead of {row.rows:,} in run {len(row.runs) + 1}")
