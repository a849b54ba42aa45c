"""``python -m bench.transform``: measure, print, write the page; exit code 1 when a goal is missed."""

from __future__ import annotations

import argparse
import logging
import re
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.gates import Gate
from bench.page import Circumstances, write
from bench.transform import gates, page, parsing, profile
from bench.transform.airflow import airflow
from bench.transform.projects import DEMO, make
from bench.transform.side_by_side import Row, measure
from bench.transform.ways import OURS, WAYS
from include.headrace.demo.platform import stopped_by_signals

GOALS = (DEMO, "models_100")
"""The projects that are run in every way; others in ours alone."""
Say = Callable[[str], None]
Section = tuple[list[str], list[Gate]]
Keep = Callable[[list[str], list[Gate]], None]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    program = argparse.ArgumentParser(prog="python -m bench.transform", description=__doc__)
    program.add_argument("--only", default=",".join(page.TITLES), help="sections, or models_<number>")
    program.add_argument("--rounds", type=int, default=3, help="how often what is quick is run")
    program.add_argument("--ways", default="", help="some of the ways alone, by the start of their names")
    program.add_argument("--without", default="", help="ways left out, by the start of their names")
    program.add_argument("--page", type=Path, default=page.PAGE, help="where the results are written")
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for: 0 when the goals are met, 1 when one is missed, 2 for a wrong call."""
    program = parser()
    options = program.parse_args(arguments)
    wanted = options.only.split(",")
    unknown = [n for n in wanted if n not in page.TITLES and not re.fullmatch(r"models_[1-9]\d*", n)]
    if unknown or options.rounds < 1:
        program.error(f"no section {', '.join(unknown)}" if unknown else "rounds begin at 1")
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    given = list(sys.argv[1:] if arguments is None else arguments)
    circumstances = Circumstances(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=shlex.join(["python", "-m", "bench.transform", *given]),
        machine=machine.description(),
    )
    if machine.load() > 0.5:
        say(f"the machine is busy (load {machine.load():.1f}): figures of this run mean little")
    # It tells of each sign-in.
    logging.getLogger("snowflake.connector").setLevel(logging.WARNING)
    found: list[Gate] = []
    with stopped_by_signals():
        for name in wanted:

            def keep(parts: list[str], gates: list[Gate], name: str = name) -> None:
                if name in page.TITLES:
                    text = page.render(name, circumstances, parts, gates)
                    write(options.page, {name: text}, page.HEAD, page.TITLES)

            parts, of_section = _section(name, options, say, keep)
            keep(parts, of_section)
            print("\n\n".join([*parts, *map(str, of_section)]), flush=True)
            found += of_section
    missed = [gate for gate in found if not gate.met]
    for gate in missed:
        say(str(gate))
    say(f"{len(found) - len(missed)} of {len(found)} gates met")
    return 1 if missed else 0


def _section(name: str, options: argparse.Namespace, say: Say, keep: Keep) -> Section:
    """What a section is made of: its parts and its gates. ``keep`` gets what there is after each run, so that
    a bench that is cut off has it on its page."""
    if name == "parsing":
        return parsing.section(say)
    if name == "profile":
        return profile.section(say)
    starts = tuple(options.ways.split(","))
    ways = [way for way in WAYS if way.name.startswith(starts) and name.startswith(way.only)]
    if options.without:
        ways = [way for way in ways if not way.name.startswith(tuple(options.without.split(",")))]
    if name not in GOALS and not options.ways:
        ways = [way for way in ways if way.name == OURS]

    def section(rows: Sequence[Row]) -> Section:
        parts = [part for part in (page.runs(rows), page.remaining(rows)) if part]
        return parts, gates.of_project(name, rows) if name in GOALS and not options.ways else []

    with airflow() as running:
        project = make(name, say)
        return section(
            measure(running, project, ways, options.rounds, say, lambda rows: keep(*section(rows)))
        )


if __name__ == "__main__":
    sys.exit(main())
