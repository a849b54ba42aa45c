"""The page of results: a part a section, each with its own date, command and machine.

A run of some sections replaces those alone; what the others say is of their own run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.results import Row, Table
from bench.sections import Section
from include.headrace.settings import PROJECT_ROOT

TITLES = {
    "postgres": "PostgreSQL to Parquet",
    "mysql": "MariaDB to Parquet",
    "mongo": "MongoDB to Parquet",
    "files": "Files to Parquet",
    "raw": "The whole way: PostgreSQL to RAW in the local Snowflake (emulated)",
    "memory": "Memory at ten times the rows",
}

HEAD = """\
# Side by side

`make bench` measures the project against other ways to do the same work, in one run on one machine,
and writes this page. Figures of two machines, or of two runs, do not compare; ratios within a table
do.

- Every peer runs in a process and an environment of its own (`bench/requirements`), reads the whole
  table, and leaves Parquet files compressed with zstd (sling: CSV). The order alternates from round
  to round. A peer that takes over three times as long as ours is run once.
- Peers that no gate looks at and that take long are measured on the wide table alone.
- Time and CPU begin before connecting and end when the files are closed; imports are not counted.
  CPU is the client's, child processes included. Memory is the peak of the whole process tree above
  the interpreter after its imports.
- Rates are rows a second: the median, and the slowest and fastest run. `readers: 2` is the
  project's option to share a table among two readers; gates on speed look at the first row, which
  has one.
- Fidelity compares every value of every column with the known data, in any order. `exact` means that
  none differs; `as DOUBLE` that the file's type cannot hold the digits.
- Of the values that drivers get wrong, each is a table of one row. `altered` means that the file holds
  another value, or bytes of the server's own form; `set aside`, that the row and the reason are in a
  file of their own.
- A gate is a bound that a run must meet, whatever the machine; `make bench` fails when one is
  missed, and says which.
"""

NOTES = {
    "mysql": "MariaDB's server takes most of the time; `TIMESTAMP` and `DATETIME` have no zone there.",
    "raw": "The local Snowflake is an emulator: this says nothing of Snowflake's own speed.",
}


@dataclass(frozen=True)
class Circumstances:
    """When, how and where a section was measured."""

    date: str
    command: str
    machine: str


def render(section: Section, circumstances: Circumstances) -> str:
    """A section's text."""
    parts = [f"## {TITLES[section.name]}"]
    parts.append(f"{circumstances.date}, `{circumstances.command}`, {circumstances.machine}.")
    if section.name in NOTES:
        parts.append(NOTES[section.name])
    parts += [part for table in section.tables for part in (f"### {table.title}", table_text(table))]
    if section.values:
        parts += ["### Values that drivers get wrong", _values(section.values)]
    parts.append("Gates:\n" + "\n".join(f"- {gate}" for gate in section.gates))
    return "\n\n".join(parts) + "\n"


def table_text(table: Table) -> str:
    """A table in Markdown, its rows in the order of the peers."""
    head = [
        "peer",
        "rows/s",
        "slowest to fastest",
        "of ours",
        "client CPU s",
        "memory MB",
        "runs",
        "fidelity",
    ]
    ours = next((row for row in table.rows if row.ours and row.measured), None)
    lines = [head, ["---", *["---:"] * 6, "---"]]
    lines += [_cells(row, ours) for row in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row, ours: Row | None) -> list[str]:
    name = f"{row.peer} ({row.version})" if row.version else row.peer
    if not row.measured:
        return [name, *["-"] * 6, f"error: {_escaped(row.error or 'not run')}"]
    low, high = row.spread
    return [
        name,
        f"{row.rate:,.0f}",
        f"{low:,.0f} to {high:,.0f}",
        f"{row.rate / ours.rate:.2f}" if ours else "-",
        f"{row.cpu_seconds:.2f}",
        f"{row.memory_mb:.0f}",
        str(len(row.runs)),
        _escaped(row.fidelity),
    ]


def _values(values: dict[str, str]) -> str:
    lines = [f"| {peer} | {_escaped(said)} |" for peer, said in values.items()]
    return "\n".join(["| peer | values |", "| --- | --- |", *lines])


def _escaped(text: str) -> str:
    # Where the checkout is on this machine is nobody's concern.
    return text.replace(f"{PROJECT_ROOT}/", "").replace("|", "\\|").replace("<", "&lt;")


def write(path: Path, rendered: dict[str, str], head: str = HEAD, order: Iterable[str] = TITLES) -> None:
    """Put sections into a page, below its head and in an order; what is not given stays as it is."""
    kept = sections_of(path.read_text()) if path.exists() else {}
    kept |= rendered
    body = "".join(
        f"\n<!-- section: {name} -->\n{kept[name]}<!-- end -->\n" for name in order if name in kept
    )
    path.parent.mkdir(exist_ok=True)
    made = path.with_name(f".{path.name}")
    made.write_text(head + body)
    made.replace(path)


def sections_of(page: str) -> dict[str, str]:
    """The sections of a page, by name."""
    found: Iterable[tuple[str, str]] = re.findall(
        r"<!-- section: (\w+) -->\n(.*?)<!-- end -->\n", page, flags=re.DOTALL
    )
    return dict(found)
