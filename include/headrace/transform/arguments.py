"""The arguments of dbt that every way of running it shares."""

from __future__ import annotations

from pathlib import Path

FLAGS = ("--no-use-colors", "--log-level-file", "none", "--no-populate-cache")
"""For one node a task: dbt looks up the schemas it needs when it needs them instead of all at the start."""


def option(args: list[str], name: str) -> str:
    """The value that follows an option, or an empty text where it is not given."""
    return args[args.index(name) + 1] if name in args else ""


def parse_command(args: list[str], folder: Path) -> list[str]:
    """The command that writes the parsed manifest for a run with these arguments into a folder."""
    names = ("--project-dir", "--profiles-dir", "--profile", "--target", "--vars")
    options = [part for name in names if name in args for part in (name, option(args, name))]
    return [*FLAGS, "--no-partial-parse", "parse", *options, "--target-path", str(folder)]
