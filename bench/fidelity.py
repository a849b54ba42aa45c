"""What a peer's files hold, compared with the known data in any order: rows, and each column's values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.columns import Column
from bench.datasets import Dataset
from bench.making import connected

EXACT = "exact"
SHOWN = 4
"""How many columns are named before the rest are counted."""


def files_of(folder: Path) -> list[Path]:
    """The files of rows that a peer wrote: Parquet or CSV, without those of rows set aside."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in (".parquet", ".csv")]
    return [path for path in found if not path.name.startswith("q") and "_dlt_" not in str(path.parent)]


def relation(files: Sequence[Path]) -> str:
    """A DuckDB relation over the files."""
    names = ", ".join(f"'{path}'" for path in files)
    if files[0].suffix == ".csv":
        return f"read_csv([{names}], header = true, all_varchar = true)"
    return f"read_parquet([{names}])"


def count(folder: Path) -> int:
    """The rows in a peer's files."""
    files = files_of(folder)
    if not files:
        return 0
    with connected() as connection:
        [found] = connection.execute(f"SELECT count(*) FROM {relation(files)}").fetchall()
    return int(found[0])


def compare(dataset: Dataset, reference: Path, folder: Path, payload: str | None = None) -> str:
    """``exact``, or in a few words what is lost, doubled or altered.

    ``payload`` names the column of the files that holds the row as a JSON document, for a peer that keeps
    documents whole.
    """
    files = files_of(folder)
    if not files:
        return "no files"
    rows, expected, _ = _digests(dataset, relation([reference]), None)
    found_rows, found, types = _digests(dataset, relation(files), payload)
    if found_rows != rows:
        return f"{found_rows:,} rows instead of {rows:,}"
    differ = [column for column in dataset.columns if expected[column.name] != found.get(column.name)]
    parts: dict[str, list[str]] = {}
    for column in differ:
        if column.name not in types:
            what = "lost"
        else:
            what = f"as {types[column.name]}" if _loses(column, types) else "altered"
        parts.setdefault(what, []).append(column.name)
    return "; ".join(f"{what}: {named(names)}" for what, names in parts.items()) or EXACT


def named(columns: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return ", ".join(columns[:SHOWN]) + more


def _digests(
    dataset: Dataset, source: str, payload: str | None
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Rows, and a sum a column of a hash over key and value, so that neither order nor files matter.

    The last is each column's type in the files.
    """
    with connected() as connection:
        if payload is not None:
            fields = ", ".join(f'{column.within(payload)} AS "{column.name}"' for column in dataset.columns)
            source = f"(SELECT {fields} FROM {source})"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        types = {str(row[0]).lower(): str(row[1]) for row in described}
        columns = [column for column in dataset.columns if column.name in types]
        if not set(dataset.key) <= set(types):
            return 0, {}, types
        key = ", ".join(_key(column, types) for column in dataset.columns if column.name in dataset.key)
        sums = [f"sum(hash({key}, {_same(column, types)})::HUGEINT)" for column in columns]
        [found] = connection.execute(f"SELECT count(*), {', '.join(sums)} FROM {source}").fetchall()
    return int(found[0]), dict(zip([column.name for column in columns], found[1:], strict=True)), types


def _key(column: Column, types: dict[str, str]) -> str:
    return column.same(types[column.name])


def _loses(column: Column, types: dict[str, str]) -> bool:
    """True for a column whose type in the files does not hold its digits."""
    carries = column.exact_types()
    return bool(carries) and not types.get(column.name, "VARCHAR").startswith(carries)


def _same(column: Column, types: dict[str, str]) -> str:
    """The compared value as text; one whose type in the files loses digits is never the same."""
    found = types[column.name]
    if _loses(column, types):
        return f"'as {found}'"
    return f"({column.same(found)})::VARCHAR"
