"""``python -m bench``: measure, print, write the page; exit code 1 when a gate is missed."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import machine, page
from bench.gates import Gate
from bench.places import PAGE
from bench.sections import ROWS, SECTIONS, Size
from bench.side_by_side import SideBySide
from include.headrace.demo.platform import stopped_by_signals


def parser() -> argparse.ArgumentParser:
    """The command line."""
    program = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    program.add_argument("--only", default=",".join(SECTIONS), help=f"some of {','.join(SECTIONS)}")
    program.add_argument("--rounds", type=int, default=5, help="how often each peer is run")
    program.add_argument("--rows", type=int, default=ROWS, help="rows of each table")
    program.add_argument("--page", type=Path, default=PAGE, help="where the results are written")
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections asked for: 0 when their gates are met, 1 when one is missed, 2 for a wrong call."""
    program = parser()
    options = program.parse_args(arguments)
    wanted = options.only.split(",")
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown or options.rounds < 1 or options.rows < 1:
        program.error(f"no section {', '.join(unknown)}" if unknown else "rounds and rows begin at 1")
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    given = list(sys.argv[1:] if arguments is None else arguments)
    circumstances = page.Circumstances(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=shlex.join(["python", "-m", "bench", *given]),
        machine=machine.description(),
    )
    if machine.load() > 0.5:
        say(f"the machine is busy (load {machine.load():.1f}): figures of this run mean little")
    bench = SideBySide(options.rounds, say)
    gates: list[Gate] = []
    with stopped_by_signals():
        for name in (name for name in SECTIONS if name in wanted):
            section = SECTIONS[name](bench, Size(options.rows))
            text = page.render(section, circumstances)
            page.write(options.page, {name: text})
            print(text, flush=True)
            gates += section.gates
    missed = [gate for gate in gates if not gate.met]
    for gate in missed:
        say(str(gate))
    say(f"{len(gates) - len(missed)} of {len(gates)} gates met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
