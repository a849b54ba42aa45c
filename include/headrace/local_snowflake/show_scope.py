"""What a SHOW statement asks for: the kind of object, where, and which names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlglot

from include.headrace.local_snowflake.errors import SqlError, refuse
from include.headrace.local_snowflake.names import split

_KINDS = (
    "DATABASES",
    "SCHEMAS",
    "TABLES",
    "VIEWS",
    "OBJECTS",
    "COLUMNS",
    "STAGES",
    "ROLES",
    "WAREHOUSES",
    "PARAMETERS",
    "TRANSACTIONS",
    "LOCKS",
)


@dataclass
class Scope:
    """What a SHOW asks for: a kind of object, where, and which names."""

    kind: str
    terse: bool = False
    like: str | None = None
    starts: str | None = None
    limit: int | None = None
    after: str | None = None
    within: str = ""
    names: tuple[str, ...] = ()

    def wants(self, name: str) -> bool:
        """True when LIKE (any case, SQL wildcards) and STARTS WITH (exact case) let the name through."""
        if self.starts is not None and not name.startswith(self.starts):
            return False
        if self.after is not None and name <= self.after:
            return False
        if self.like is None:
            return True
        pattern = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in self.like)
        return re.fullmatch(pattern, name, re.IGNORECASE | re.DOTALL) is not None


def parse_scope(statement: str) -> Scope:
    """Read ``SHOW [TERSE] kind [LIKE 'x'] [IN ...] [STARTS WITH 'x'] [LIMIT n [FROM 'x']]``."""
    words = re.match(r"show\s+(terse\s+)?(\w+)\s*(.*)$", statement, re.IGNORECASE | re.DOTALL)
    if not words or words[2].upper() not in _KINDS:
        raise refuse(f"do {statement[:40]!r}")
    scope = Scope(words[2].upper(), terse=bool(words[1]))
    rest = words[3].strip()
    while rest:
        rest = _clause(scope, rest).strip()
    return scope


def _clause(scope: Scope, rest: str) -> str:
    if found := re.match(r"(like|starts\s+with)\s+('(?:[^']|'')*')", rest, re.IGNORECASE):
        value = sqlglot.tokenize(found[2], read="snowflake")[0].text
        if found[1].lower() == "like":
            scope.like = value
        else:
            scope.starts = value
        return rest[found.end() :]
    if found := re.match(r"limit\s+(\d+)", rest, re.IGNORECASE):
        scope.limit = int(found[1])
        return rest[found.end() :]
    if found := re.match(r"from\s+'((?:[^']|'')*)'", rest, re.IGNORECASE):
        scope.after = found[1].replace("''", "'")
        return rest[found.end() :]
    if found := re.match(r"(?:in|for)\s+(account|session)\b", rest, re.IGNORECASE):
        scope.within = found[1].upper()
        return rest[found.end() :]
    if found := re.match(r"in\s+(?:(database|schema|table|view)\b)?\s*", rest, re.IGNORECASE):
        tail = rest[found.end() :]
        scope.within = (found[1] or "").upper()
        if tail and not re.match(r"(like|starts|limit)\b", tail, re.IGNORECASE):
            parts, tail = split(tail)
            scope.names = tuple(parts)
        if not scope.within:
            single = "DATABASE" if scope.kind == "SCHEMAS" else "SCHEMA"
            scope.within = single
            if scope.kind == "COLUMNS":
                scope.within = "TABLE"
        return tail
    raise SqlError(1003, "42000", f"SQL compilation error:\nsyntax error at '{rest[:30]}' in SHOW")
