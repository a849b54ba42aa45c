"""Table functions over what the server remembers: RESULT_SCAN and INFORMATION_SCHEMA.QUERY_HISTORY."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import Expr, exp

from include.headrace.local_snowflake.errors import refuse

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

_TRANSLATED = {"FLATTEN"}


def resolve(session: Session, tree: Expr) -> None:
    """Put the remembered rows in place of ``TABLE(RESULT_SCAN(...))`` and ``TABLE(...QUERY_HISTORY())``.

    Raises a refusal for every other table function, except those that the translation knows.
    """
    for number, rowset in enumerate(list(tree.find_all(exp.TableFromRows))):
        call = rowset.this
        name = (call.expression if isinstance(call, exp.Dot) else call).name.upper()
        if isinstance(call, exp.Explode) or name in _TRANSLATED:
            continue
        if isinstance(call, exp.Generator) and set(call.args) == {"rowcount"}:
            continue
        if name == "RESULT_SCAN":
            table = session.scan(_query_id(session, call))
        elif name == "QUERY_HISTORY" and not call.expression.expressions:
            table = session.instance.history.table()
        else:
            raise refuse(f"have the table function {call.sql(dialect='snowflake')}")
        rowset.replace(_registered(session, number, table, rowset.args.get("alias")))


def _query_id(session: Session, call: Expr) -> str:
    argument = call.expressions[0] if call.expressions else None
    if isinstance(argument, exp.Literal):
        return str(argument.name)
    if (
        isinstance(argument, exp.Anonymous)
        and argument.name.upper() == "LAST_QUERY_ID"
        and not argument.expressions
    ):
        return session.last_query_id or ""
    raise refuse("scan a result by anything but its id or LAST_QUERY_ID()")


def _registered(session: Session, number: int, table: pa.Table, alias: Expr | None) -> exp.Table:
    name = f"headrace_rows_{number}"
    session.duck.register(name, table)
    return exp.Table(this=exp.Var(this=name), alias=alias)
