"""What dbt rehearses with: a connection to no warehouse, which answers at once, and no native parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

TEXT = 2
"""The connector's code of the type TEXT (snowflake.connector.constants.FIELD_TYPES)."""
NOW = datetime(2013, 1, 1, tzinfo=UTC)
ONE = {"database_name": "REHEARSAL", "schema_name": "REHEARSAL", "name": "ONE", "kind": "VIEW"}
"""The model of the rehearsal that exists: a unit test looks at its columns."""
ANSWERS: tuple[tuple[str, list[dict[str, Any]]], ...] = (
    ("should_warn", [{"FAILURES": 0, "SHOULD_WARN": False, "SHOULD_ERROR": False}]),
    ("actual_or_expected", [{"ID": "a", "ACTUAL_OR_EXPECTED": side} for side in ("actual", "expected")]),
    ("max_loaded_at", [{"MAX_LOADED_AT": NOW, "SNAPSHOTTED_AT": NOW}]),
    ("show objects", [{**ONE, "is_dynamic": "N", "is_iceberg": "N"}]),
    ("describe table", [{"name": "ID", "type": "VARCHAR(1)", "kind": "COLUMN", "null?": "Y"}]),
)
"""The rows that answer a statement with these words; others have none."""
NONE = [{"ID": None}]
"""A row with the columns of an answer that has no rows."""


class Cursor:
    """Answers what dbt goes by, and everything else with no rows."""

    sqlstate = None
    sfqid = "rehearsal"
    rowcount = 0
    stats = None

    def __init__(self) -> None:
        self.description: list[tuple[Any, ...]] = []
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, *_: Any, **__: Any) -> Cursor:
        """Have the answer to a statement ready."""
        asked = sql.lower()
        rows = next((rows for words, rows in ANSWERS if words in asked), [])
        self._rows = [tuple(row.values()) for row in rows]
        self.description = [(name, TEXT, None, None, None, None, True) for name in (rows or NONE)[0]]
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row of the answer."""
        return self._rows[0] if self._rows else None

    def close(self) -> None:
        """Nothing is open."""


class Connection:
    """As much of the connector's connection as dbt-snowflake looks at."""

    session_id = 0

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor()

    def is_closed(self) -> bool:
        """It never is."""
        return False

    def close(self) -> None:
        """Nothing is open."""

    rollback = close


@contextmanager
def no_warehouse() -> Iterator[None]:
    """Whoever connects to Snowflake while in the block gets a connection to nothing."""
    import snowflake.connector

    with _instead(snowflake.connector, "connect", lambda **_: Connection()):
        yield


@contextmanager
def no_native_parser() -> Iterator[None]:
    """dbt's native parser is not called in the block: it starts threads at its first call, for which a task
    that is forked later would wait in vain. What takes its place reads a ``ref`` of one name alone."""
    from dbt.clients import jinja_static
    from dbt.parser import models, unit_tests

    with ExitStack() as stack:
        for module in (jinja_static, models, unit_tests):
            stack.enter_context(_instead(module, "py_extract_from_source", _extract))
        yield


def _extract(text: str) -> dict[str, Any]:
    from dbt.clients import jinja_static

    found = re.search(r"ref\('(\w+)'\)", text)
    if found is None:
        raise vars(jinja_static)["ExtractionError"]
    return {"refs": [{"name": found[1]}], "sources": set(), "configs": []}


@contextmanager
def _instead(module: Any, name: str, other: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, before)
