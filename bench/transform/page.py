"""The page of the transform's speed, made as the page of the loads' is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from bench.gates import Gate
from bench.page import Circumstances
from bench.transform.side_by_side import Row
from bench.transform.ways import BARE, FLOOR, OURS
from include.headrace.demo.environment import PARALLELISM
from include.headrace.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "transform-speed.md"
TITLES = {
    "demo": "The demo's project",
    "models_100": "100 models with three tests each",
    "models_300": "300 models with three tests each",
    "parsing": "Reading the DAG files",
    "profile": "Where a task's time goes",
}
HEAD = f"""\
# What a task a node costs

`make bench-transform` runs the same dbt project in several ways, in one run on one machine, and writes
this page. Figures of two machines, or of two runs, do not compare; ratios within a table do.

- The warehouse is the local Snowflake (emulated), which works on the same cores; a real one would take
  its own part of the time. Airflow is a real one: scheduler, API server and DAG processor on PostgreSQL,
  LocalExecutor, {PARALLELISM} slots. Each run begins with the same data and nothing built.
- Time is that of the DAG's run from its start to its end, by Airflow's metadata; for `dbt build` that of
  the command, with the project parsed before. The order alternates from round to round; what is slow is
  run once.
- Our DAG also checks the sources' freshness, hands the marts on, exports the public ones, and loads what
  its tasks did: the bare build does not.
- Processor time is that of the whole machine, with Airflow, the warehouse and the metadata. Memory is the
  peak of what all processes of tasks hold together, for each slot; of shared memory each is charged its
  part. Queries are the statements that the warehouse was sent, for each node that dbt builds.
- `Cosmos LOCAL` is `HEADRACE_DBT_RUNNER=cosmos`: the same DAG run by Cosmos's own operators, nothing
  imported ahead, the DAG drawn whole in each task. `Cosmos WATCHER` has no task a test.
- A gate is a bound that a run must meet; `make bench-transform` fails when one is missed, and says which.
"""


def render(name: str, circumstances: Circumstances, parts: Iterable[str], gates: Sequence[Gate]) -> str:
    """A section's text."""
    found = [f"## {TITLES[name]}"]
    found.append(f"{circumstances.date}, `{circumstances.command}`, {circumstances.machine}.")
    found += parts
    if gates:
        found.append("Gates:\n" + "\n".join(f"- {gate}" for gate in gates))
    return "\n\n".join(found) + "\n"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; the first column is text, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def runs(rows: Sequence[Row]) -> str:
    """The ways of a project side by side."""
    head = ["way", "s", "fastest to slowest", "runs", "tasks", "s a task", "CPU s", "memory MB a slot"]
    return table([*head, "queries a node"], [_cells(row) for row in rows])


def remaining(rows: Sequence[Row]) -> str:
    """What ours spends beside what the bare build and the empty tasks do; nothing where one was not run."""
    found = {row.way.name: row.runs[-1] for row in rows if row.measured}
    if not {BARE, FLOOR, OURS} <= found.keys():
        return ""
    bare, floor, ours = found[BARE], found[FLOOR], found[OURS]
    cores = os.cpu_count() or 1
    rest = ours.cpu - floor.cpu - bare.cpu
    return (
        f"Of the {cores * ours.wall:.0f} processor seconds that {cores} cores had while ours ran, it used "
        f"{ours.cpu:.0f}: {floor.cpu:.0f} as the empty tasks do, {bare.cpu:.0f} as the bare build does, and "
        f"{rest:.0f}, {rest / ours.tasks:.2f} a task, for dbt's start in each task's process, the freshness "
        "checks and the exports."
    )


def _cells(row: Row) -> list[str]:
    name = f"{row.way.name}: {row.way.what}"
    if not row.measured:
        said = f"error: {row.error}" if row.error else "not measured: the bench ended before it"
        shown = said.replace("|", "\\|").replace("\n", " ")[:300]
        return [f"{name} ({shown})", *["-"] * 8]
    walls = sorted(run.wall for run in row.runs)
    last = row.runs[-1]
    return [
        name,
        f"{row.wall:.0f}",
        f"{walls[0]:.0f} to {walls[-1]:.0f}",
        str(len(row.runs)),
        str(last.tasks) if last.tasks else "-",
        f"{last.seconds_a_task:.2f}" if last.seconds_a_task is not None else "-",
        f"{last.cpu:.0f}",
        f"{last.memory / 1e6 / PARALLELISM:.0f}" if last.memory else "-",
        f"{last.queries / row.nodes:.1f}",
    ]
