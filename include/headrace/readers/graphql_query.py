"""What a query must have for its pages to be asked for, found before the API is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from include.headrace.config import GraphqlTable
from include.headrace.errors import ConfigError

PAGE_VARIABLES = ("first", "after")
PAGE_FIELDS = ("pageInfo", "hasNextPage", "endCursor")

NOT_CODE = re.compile(r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n])*"|#[^\n\r]*')
"""Strings and comments (GraphQL specification, October 2021, sections 2.1.4 and 2.9.4)."""

INNERMOST = re.compile(r"\{[^{}]*\}")


def check_query(table: GraphqlTable) -> None:
    """Raise ConfigError, with the remedy, for a query that cannot be read page by page.

    Every variable that will be sent must be declared and used, or the API would pass over it in
    silence and give the same page, or all records, each time.
    """
    code = NOT_CODE.sub(" ", table.query)
    if re.search(r"\b(?:mutation|subscription)\b", _outermost(code)):
        raise _wrong(table, "is no query; a table is read by an operation of the type query")
    declared = set(re.findall(r"\$(\w+)\s*:", code))
    used = set(re.findall(r"\$(\w+)\b(?!\s*:)", code))
    for name, what in _sent(table).items():
        if name not in declared:
            raise _wrong(table, f"does not declare ${name}, {what}")
        if name not in used:
            raise _wrong(table, f"declares ${name}, {what}, and does not use it")
    for name in PAGE_FIELDS:
        if not re.search(rf"\b{name}\b", code):
            raise _wrong(table, f"does not ask for {name}; ask for pageInfo {{ hasNextPage endCursor }}")


def _sent(table: GraphqlTable) -> Mapping[str, str]:
    """The variables that will be sent, each with what sends it."""
    asked = table.incremental
    sent = {
        "first": "how many records a page has; write `$first: Int!` and pass it to the connection",
        "after": "where a page begins; write `$after: String` and pass it to the connection",
    }
    bounds = {} if asked is None else {asked.since: "since", asked.until: "until"}
    named = [(name, f"which `incremental.{field}` names") for name, field in bounds.items() if name]
    for name, what in [*named, *((name, "which `variables` gives") for name in table.variables)]:
        if name in sent:
            raise ConfigError(
                f"The variable {name!r} of {table.name!r}, {what}, is {sent[name].split(';')[0]} as well; "
                "give it another name in `query`."
            )
        sent[name] = what
    return sent


def _outermost(code: str) -> str:
    """The query without what stands in braces."""
    while True:
        shorter = INNERMOST.sub(" ", code)
        if shorter == code:
            return code
        code = shorter


def _wrong(table: GraphqlTable, what: str) -> ConfigError:
    return ConfigError(f"`query` of {table.name!r} {what}. Correct it in the source file.")
