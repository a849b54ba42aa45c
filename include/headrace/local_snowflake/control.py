"""Statements about the session itself: transactions, parameters, USE, SYSTEM$ functions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlglot
from fakesnow import statement_type
from sqlglot import exp

from include.headrace.local_snowflake.errors import SqlError, does_not_exist, refuse
from include.headrace.local_snowflake.names import fold, split
from include.headrace.local_snowflake.transactions import State
from include.headrace.local_snowflake.values import Result, rows, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.headrace.local_snowflake.session import Session

_DONE = "Statement executed successfully."
_BEGIN = re.compile(
    r"(?:begin(?:\s+(?:work|transaction))?|start\s+transaction)(?:\s+name\s+(\"[^\"]+\"|'[^']+'|[\w$]+))?",
    re.IGNORECASE,
)
_SET = re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|\$\$.*?\$\$|[\w.+-]+)\s*,?", re.DOTALL)


def begin(session: Session, statement: str) -> Result:
    """BEGIN [WORK | TRANSACTION] [NAME x] | START TRANSACTION [NAME x]; ignored inside a transaction."""
    found = _BEGIN.fullmatch(statement)
    if not found:
        raise refuse("run Snowflake Scripting blocks (BEGIN ... END)")
    name = found[1] or ""
    if name[:1] in "\"'":
        name = name[1:-1]
    session.begin(name)
    return status(_DONE, statement_type.TCL)


def commit(session: Session, statement: str) -> Result:
    """COMMIT [WORK]."""
    _only(statement, r"commit(\s+work)?")
    session.commit()
    return status(_DONE, statement_type.TCL)


def rollback(session: Session, statement: str) -> Result:
    """ROLLBACK [WORK]."""
    _only(statement, r"rollback(\s+work)?")
    session.rollback()
    return status(_DONE, statement_type.TCL)


def _only(statement: str, pattern: str) -> None:
    if not re.fullmatch(pattern, statement, re.IGNORECASE):
        raise SqlError(1003, "42000", f"SQL compilation error:\nsyntax error in '{statement[:40]}'")


_TRANSACTION = [
    ("id", "VARCHAR"),
    ("user", "VARCHAR"),
    ("session", "VARCHAR"),
    ("name", "VARCHAR"),
    ("started_on", "TIMESTAMP WITH TIME ZONE"),
    ("state", "VARCHAR"),
    ("scope", "VARCHAR"),
]


def describe_transaction(session: Session, statement: str) -> Result:
    """DESCRIBE TRANSACTION id: running, committed or rolled_back. Raises 002003 for one that is not known."""
    found = re.search(r"transaction\s+(\d+)$", statement, re.IGNORECASE)
    if not found:
        raise SqlError(1003, "42000", "SQL compilation error:\nDESCRIBE TRANSACTION needs a transaction id")
    transaction = session.registry.find(int(found[1]))
    if transaction is None:
        raise does_not_exist("Transaction", found[1])
    state = "running" if transaction.state is State.FAILED else transaction.state.value
    row = [str(transaction.id), transaction.user, str(transaction.session_id), transaction.name]
    columns = [*_TRANSACTION[:6], ("ended_on", "TIMESTAMP WITH TIME ZONE")]
    ended = datetime.fromtimestamp(transaction.ended, UTC) if transaction.ended else None
    return rows(columns, [[*row, transaction.started, state, ended]], statement_type.DESCRIBE)


def show_transactions(session: Session, everyone: bool) -> Result:
    """SHOW TRANSACTIONS [IN ACCOUNT]: the open ones."""
    found = [
        [str(t.id), t.user, str(t.session_id), t.name, t.started, "running", "0"]
        for t in session.registry.running()
        if everyone or t.user == session.user
    ]
    return rows(_TRANSACTION, found, statement_type.SHOW)


def show_locks(session: Session) -> Result:
    """SHOW LOCKS: holders and waiters of every table lock."""
    columns = [
        ("resource", "VARCHAR"),
        ("type", "VARCHAR"),
        ("transaction", "VARCHAR"),
        ("transaction_started_on", "TIMESTAMP WITH TIME ZONE"),
        ("status", "VARCHAR"),
        ("acquired_on", "TIMESTAMP WITH TIME ZONE"),
        ("query_id", "VARCHAR"),
    ]
    found = []
    for row in session.registry.locks.rows():
        owner = session.registry.find(row.owner)
        since = session.registry.locks.acquired_at.get((row.relation, row.owner))
        found.append(
            [
                ".".join(row.relation),
                "PARTITIONS",
                str(row.owner),
                owner.started if owner else None,
                row.status,
                since,
                "",
            ]
        )
    return rows(columns, found, statement_type.SHOW)


def alter_session(session: Session, statement: str) -> Result:
    """ALTER SESSION SET a = 1, b = 'x' | UNSET a, b."""
    body = re.sub(r"^alter\s+session\s+", "", statement, flags=re.IGNORECASE)
    if re.match(r"unset\b", body, re.IGNORECASE):
        for name in re.split(r"[\s,]+", body[5:].strip()):
            session.parameters.unset(name)
        return status(_DONE, statement_type.SCL)
    if not re.match(r"set\b", body, re.IGNORECASE):
        raise SqlError(1003, "42000", f"SQL compilation error:\nsyntax error in '{statement[:40]}'")
    body, position = body[3:], 0
    while body[position:].strip():
        found = _SET.match(body, position)
        if not found:
            raise SqlError(
                1003, "42000", f"SQL compilation error:\nsyntax error at '{body[position:].strip()[:30]}'"
            )
        value = found[2]
        if value.startswith("$$"):
            value = value[2:-2]
        elif value.startswith("'"):
            value = sqlglot.tokenize(value, read="snowflake")[0].text
        session.parameters.set(found[1], value)
        position = found.end()
    return status(_DONE, statement_type.SCL)


def use(session: Session, statement: str) -> Result:
    """USE DATABASE | SCHEMA | ROLE | WAREHOUSE name, USE name."""
    found = re.fullmatch(
        r"use\s+(?:(database|schema|role|warehouse|secondary\s+roles)\s+)?(.+)", statement, re.I | re.S
    )
    if not found:
        raise SqlError(1003, "42000", "SQL compilation error:\nUSE needs a name")
    kind, (parts, rest) = (found[1] or "").upper(), split(found[2])
    if rest.strip():
        raise SqlError(1003, "42000", f"SQL compilation error:\nsyntax error at '{rest.strip()[:30]}'")
    if kind == "ROLE":
        session.instance.governance.need_role(parts[0])
        session.role = parts[0]
    elif kind == "WAREHOUSE":
        session.instance.governance.need_warehouse(parts[0])
        session.warehouse = parts[0]
    elif kind.startswith("SECONDARY"):
        raise refuse("have secondary roles")
    elif kind == "DATABASE" or (not kind and len(parts) == 1):
        _use_database(session, parts[0])
    else:
        database = parts[0] if len(parts) == 2 else session.database
        if database is None:
            raise SqlError(
                90105, "22000", "Cannot perform USE SCHEMA. This session does not have a current database."
            )
        if database not in session.engine.databases():
            raise does_not_exist("Database", database)
        if parts[-1] not in [*session.engine.schemas(database), "INFORMATION_SCHEMA"]:
            raise does_not_exist("Schema", f"{database}.{parts[-1]}")
        session.database, session.schema = database, parts[-1]
    return status(_DONE, statement_type.USE)


def _use_database(session: Session, name: str) -> None:
    if name not in session.engine.databases():
        raise does_not_exist("Database", name)
    session.database = name
    session.schema = "PUBLIC" if "PUBLIC" in session.engine.schemas(name) else None


def system_call(session: Session, tree: exp.Query) -> Result | None:
    """``SELECT SYSTEM$ABORT_TRANSACTION(id)`` or ``SYSTEM$CANCEL_ALL_QUERIES(id)``; None for others."""
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        return None
    item = tree.expressions[0]
    call = item.this if isinstance(item, exp.Alias) else item
    if not isinstance(call, exp.Anonymous) or not str(call.this).upper().startswith("SYSTEM$"):
        return None
    name = str(call.this).upper()
    if name not in _SYSTEM_CALLS or len(call.expressions) != 1:
        raise refuse(f"have {name}")
    number = call.expressions[0].name
    kind, run = _SYSTEM_CALLS[name]
    if not number.isdigit():
        raise SqlError(1008, "22023", f"SQL compilation error:\ninvalid {kind} id '{number}'")
    answer = run(session, int(number))
    column = item.alias or f"{name}({number})"
    return rows([(fold(column) if not item.alias else column, "VARCHAR")], [[answer]])


def _abort_transaction(session: Session, number: int) -> str:
    if not session.instance.abort_transaction(number):
        raise does_not_exist("Transaction", str(number))
    return "Transaction aborted."


def _cancel_all_queries(session: Session, number: int) -> str:
    if number == session.id:
        raise refuse("cancel the queries of the session that asks for it")
    if not session.instance.cancel_queries(number):
        raise does_not_exist("Session", str(number))
    return "all queries canceled"


_SYSTEM_CALLS: dict[str, tuple[str, Callable[[Session, int], str]]] = {
    "SYSTEM$ABORT_TRANSACTION": ("transaction", _abort_transaction),
    "SYSTEM$CANCEL_ALL_QUERIES": ("session", _cancel_all_queries),
}
"""What each call takes the id of, and does with it."""


def inline(statement: str, parameters: dict[str, Any] | None, batch: list[list[Any]] | None) -> str:
    """Put bound text in place of ``?`` in a command that is not parsed. Raises for anything but text and
    numbers."""
    if batch is not None or parameters is None:
        raise refuse("bind arrays to a command")
    values = iter(parameters.values())
    parts = re.split(r"('(?:[^']|'')*')", statement)
    for index, part in enumerate(parts):
        if part.startswith("'"):
            continue
        while "?" in part:
            try:
                value = next(values)
            except StopIteration as error:
                raise SqlError(2049, "42601", "SQL compilation error: Bind variable not set.") from error
            if not isinstance(value, (str, int)) or isinstance(value, bool):
                raise refuse("bind anything but text and integers to a command")
            shown = (
                str(value)
                if isinstance(value, int) or value.startswith("@")
                else "'" + value.replace("'", "''") + "'"
            )
            part = part.replace("?", shown, 1)
        parts[index] = part
    return "".join(parts)
