"""Identifiers in Snowflake text: folding, quoting for DuckDB, stage references."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from include.headrace.local_snowflake.errors import SqlError
from include.headrace.names import quote

_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][\w$]*))\s*')


def fold(name: str) -> str:
    """An identifier's name: quotes taken off, or upper case when it has none."""
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        return name[1:-1].replace('""', '"')
    return name.upper()


def split(text: str) -> tuple[list[str], str]:
    """Split ``a."b".c rest`` into the names ``[A, b, C]`` and ``rest``. Raises 001003 without a name."""
    parts: list[str] = []
    position = 0
    while True:
        found = _PART.match(text, position)
        if not found:
            raise SqlError(
                1003,
                "42000",
                f"SQL compilation error:\nsyntax error: expected a name at '{text[position:40]}'.",
            )
        parts.append(found[1].replace('""', '"') if found[1] else found[2].upper())
        position = found.end()
        if text[position : position + 1] != ".":
            return parts, text[position:]
        position += 1


def table(parts: Sequence[str]) -> exp.Table:
    """The tree of a name of one to three parts, each taken as it is."""
    names = [exp.to_identifier(part, quoted=True) for part in parts]
    return exp.Table(**dict(zip(("this", "db", "catalog"), reversed(names), strict=False)))


def duck(*parts: str) -> str:
    """Quote a name for DuckDB."""
    return quote(*parts)


def text(value: str) -> str:
    """Quote a string for DuckDB, for the few statements that take no parameters."""
    return "'" + value.replace("'", "''") + "'"
