"""One statement in, one result out: what kind it is and who does it. What is not listed here is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fakesnow import statement_type
from sqlglot import Expr, exp

from include.headrace.local_snowflake import (
    alter,
    comments,
    control,
    copy_into,
    ddl,
    describe,
    dml,
    drop,
    governance,
    merge,
    show,
    stage,
)
from include.headrace.local_snowflake.errors import SqlError, refuse
from include.headrace.local_snowflake.translate import bind, parse
from include.headrace.local_snowflake.values import Result

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

_COMMENT_OR_TEXT = re.compile(
    r"""('(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|\$\$.*?\$\$)|--[^\n]*|(?<!\S)//[^\n]*|/\*.*?\*/""", re.DOTALL
)
Handler = Callable[["Session", str], Result]

_BY_WORDS: list[tuple[str, Handler]] = [
    (r"(begin|start)\b", control.begin),
    (r"commit\b", control.commit),
    (r"rollback\b", control.rollback),
    (r"(describe|desc)\s+transaction\b", control.describe_transaction),
    (r"show\b", show.show),
    (r"(describe|desc)\b", describe.describe),
    (r"alter\s+session\b", control.alter_session),
    (r"use\b", control.use),
    (r"put\b", stage.put),
    (r"get\b", stage.get),
    (r"(list|ls)\b", stage.list_files),
    (r"(remove|rm)\b", stage.remove),
    (r"copy\s+into\b", copy_into.copy_into),
    (r"alter\s+(table|view)\s.*?\s(alter|modify)\s.*?\scomment\s", comments.alter_comments),
]
_COMPILED = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), handler) for pattern, handler in _BY_WORDS]
_BY_TYPE: dict[type[Expr], Callable[[Any, Any], Result]] = {
    exp.Insert: dml.insert,
    exp.Update: dml.update,
    exp.Delete: dml.delete,
    exp.Merge: merge.merge,
    exp.TruncateTable: dml.truncate,
    exp.Create: ddl.create,
    exp.Drop: drop.drop,
    exp.Comment: comments.comment,
    exp.Alter: alter.alter,
}


def strip(text: str) -> str:
    """A statement without comments and trailing semicolons; strings and quoted names stay as they are."""
    return _COMMENT_OR_TEXT.sub(lambda found: found[1] or " ", text).strip().rstrip(";").strip()


def execute(
    session: Session,
    text: str,
    parameters: dict[str, Any] | None,
    batch: list[list[Any]] | None,
    *,
    describe_only: bool = False,
) -> Result:
    """Run one statement. ``parameters`` are bound values by place or name; ``batch`` is columns of an array
    bind.

    ``describe_only``: give the columns of a query without running it.

    Raises SqlError, DuckDB's errors or the parser's; `Session.run` makes one kind of them.
    """
    statement = strip(text)
    if not statement:
        raise SqlError(900, "42601", "Empty SQL statement.")
    for pattern, handler in _COMPILED:
        if pattern.match(statement):
            if parameters or batch:
                statement = control.inline(statement, parameters, batch)
            return handler(session, statement)
    if made := governance.create_or_drop(session, statement):
        return made
    tree = parse(statement)
    if describe_only:
        if not isinstance(tree, exp.Query):
            raise refuse("describe anything but a query without running it")
        tree = exp.select("*").from_(tree.subquery("described")).limit(0)
    if batch is not None:
        if not isinstance(tree, exp.Insert):
            raise refuse("bind arrays to anything but INSERT")
        return dml.insert_batch(session, tree, batch)
    if parameters:
        tree = bind(tree, parameters)
    if handler_of := _BY_TYPE.get(type(tree)):
        return handler_of(session, tree)
    if isinstance(tree, exp.Query):
        return query(session, tree)
    raise refuse(f"do {statement[:60]!r}")


def query(session: Session, tree: exp.Query) -> Result:
    """A SELECT, a set operation or VALUES."""
    if special := control.system_call(session, tree):
        return special
    translated = session.translator.query(tree)
    result = session.query(translated.sql, translated.reads)
    result.type_id = statement_type.SELECT
    return result
