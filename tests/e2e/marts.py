"""Reading the demo's marts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from include.headrace import settings
from include.headrace.names import quote


class Connection(Protocol):
    """The part of a Snowflake connection that these tests use."""

    def cursor(self) -> Any: ...


def mart(name: str) -> str:
    """The quoted name of a mart."""
    return quote(settings.analytics_database(), "MARTS", name)


def rows_of(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    return list(connection.cursor().execute(statement).fetchall())


def differences(actual: Iterable[Any], wanted: Iterable[Any]) -> str:
    """How two sets of rows differ, with examples."""
    only_actual, only_wanted = set(actual) - set(wanted), set(wanted) - set(actual)
    return (
        f"{len(only_actual)} rows only in the mart, such as {sorted(map(repr, only_actual))[:3]}; "
        f"{len(only_wanted)} only in the files, such as {sorted(map(repr, only_wanted))[:3]}"
    )
