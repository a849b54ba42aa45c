"""``python -m tests.faults``: every fault of every suite, and a line with what was lost and doubled.

Each suite runs in a process of its own, so that its servers and its connections are its own. Exits with
an error when a row was lost or doubled, a task stayed red, or a fault did not happen.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from include.headrace.settings import PROJECT_ROOT

LONGEST_SUITE_SECONDS = 3600
QUICK_SIGN_IN = {"SNOWFLAKE_DISABLE_MINICORE": "1", "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true"}
"""The connector otherwise asks at each sign-in which cloud this machine is in."""


@dataclass(frozen=True)
class Result:
    """What became of one injection. ``problem`` is empty when all is right."""

    name: str
    problem: str = ""
    lost: int = 0
    doubled: int = 0


def suites() -> dict[str, object]:
    """All suites by name. Imported late: the parent only needs their names."""
    from tests.faults import machine, network, processes

    return {**processes.SUITES, **network.SUITES, **machine.SUITES}


def run_suite(name: str, every: int, home: Path) -> None:
    """Run one suite in this process and print a Result as JSON a line."""
    from tests.faults.tasks import Broken

    chosen = suites()[name]
    with chosen(home) as cases:  # type: ignore[operator]
        for number, case in enumerate(cases):
            if number % every:
                continue
            try:
                case.inject()
                result = Result(case.name)
            except Broken as error:
                result = Result(case.name, str(error) or "broken", error.lost, error.doubled)
            except Exception as error:
                result = Result(case.name, f"{type(error).__name__}: {error}")
            print(json.dumps(asdict(result)), flush=True)


def started(name: str, every: int) -> list[Result]:
    """Run one suite in a process of its own; its results, and one more when the process itself failed."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    with tempfile.TemporaryDirectory(prefix="headrace-faults-") as home:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.faults",
            "--suite",
            name,
            "--every",
            str(every),
        ]
        environment |= {"AIRFLOW_HOME": f"{home}/airflow", "TMPDIR": home}
        environment |= {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR", **QUICK_SIGN_IN}
        done = subprocess.run(
            [*command, "--home", f"{home}/suite"],
            cwd=PROJECT_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_SUITE_SECONDS,
            check=False,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"name"')]
    results = [Result(**json.loads(line)) for line in lines]
    if done.returncode or not results:
        end = done.stderr.strip().splitlines()[-15:]
        results.append(Result(name, "the suite itself failed: " + "\n".join(end)))
    return results


def summary(results: Sequence[Result]) -> str:
    """The last line: how many faults, how many of them distinct, and what they did."""
    lost, doubled = sum(one.lost for one in results), sum(one.doubled for one in results)
    distinct = len({one.name for one in results})
    return f"{len(results)} faults ({distinct} distinct): {lost} rows lost, {doubled} doubled"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help="suites whose name has this in it")
    parser.add_argument("--every", type=int, default=1, help="one of so many faults of each suite")
    parser.add_argument("--jobs", type=int, default=2, help="suites side by side")
    parser.add_argument("--suite", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.suite:
        run_suite(chosen.suite, chosen.every, chosen.home)
        return 0
    names = [name for name in suites() if chosen.only in name]
    if not names:
        print(f"No suite has {chosen.only!r} in its name; there are {', '.join(suites())}.", file=sys.stderr)
        return 2
    began = time.monotonic()
    results: list[Result] = []
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for name, found in zip(names, pool.map(lambda name: started(name, chosen.every), names), strict=True):
            results += found
            wrong = [one for one in found if one.problem]
            minutes = (time.monotonic() - began) / 60
            print(
                f"{name}: {len(found)} faults, {len(wrong)} not right (after {minutes:.1f} min)", flush=True
            )
            for one in wrong:
                print(f"  {one.name}: {one.problem}", flush=True)
    print(summary(results))
    return 1 if any(one.problem for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
