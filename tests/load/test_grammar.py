from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
import sqlfluff

from include.headrace.readers.base import Rejected
from include.headrace.session import Session
from tests.support.loads import ORDERS, WIDER_ORDERS, MemoryExtraction, Shop, batch, orders_table

ROWS = [{"id": n, "state": "new", "changed": datetime(2024, 5, 1, 12, n)} for n in range(3)]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that sessions run, in order."""
    statements: list[str] = []
    run = Session._run

    def record(session: Session, statement: str, values: Sequence[Any]) -> Any:
        statements.append(statement)
        return run(session, statement, values)

    insert = Session.insert

    def record_insert(session: Session, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        statements.append(statement)
        insert(session, statement, rows)

    monkeypatch.setattr(Session, "_run", record)
    monkeypatch.setattr(Session, "insert", record_insert)
    return statements


def test_every_statement_of_a_load_is_snowflake_sql_to_a_second_grammar(shop: Shop, sent: list[str]) -> None:
    for table in (
        orders_table(),
        orders_table(name="kept", disposition="append", primary_key=None),
        orders_table(name="keyed", disposition="append"),
        orders_table(name="whole", disposition="replace", cursor=None),
    ):
        bad = (Rejected("file:1", "ragged", "1,2"),)
        for schema in (ORDERS, WIDER_ORDERS):
            shop.load(shop.stage(MemoryExtraction(schema, [batch(ROWS, schema)], bad), table), table)
    kinds = {statement.split()[0] for statement in sent}
    assert kinds >= {
        "CREATE",
        "PUT",
        "COPY",
        "BEGIN",
        "MERGE",
        "DELETE",
        "INSERT",
        "UPDATE",
        "ALTER",
        "REMOVE",
    }
    unparsable = {}
    for statement in dict.fromkeys(_parsable(text) for text in sent):
        problems = sqlfluff.lint(statement + "\n", dialect="snowflake", rules=["LT12"])
        if problems:
            unparsable[statement] = problems[0]["description"]
    assert unparsable == {}


def _parsable(statement: str) -> str:
    """The statement with a value for each mark of a bound value, which this grammar does not know.

    Nor does it know an empty NULL_IF, which Snowflake documents ("CREATE FILE FORMAT").
    """
    return statement.replace("?", "'x'").replace("NULL_IF=()", "NULL_IF=('')")
