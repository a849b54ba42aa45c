"""Context functions: what a statement asks about its own session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import Expr, exp

from include.headrace.local_snowflake.errors import refuse

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

ACCOUNT = "LOCAL"
VERSION = "10.0.0"


def _text(value: str | None) -> Expr:
    return exp.Null() if value is None else exp.Literal.string(value)


_VALUES: dict[str, Callable[[Session], str | None]] = {
    "CURRENT_ACCOUNT": lambda s: ACCOUNT,
    "CURRENT_ACCOUNT_NAME": lambda s: ACCOUNT,
    "CURRENT_DATABASE": lambda s: s.database,
    "CURRENT_REGION": lambda s: "LOCAL_EMULATED",
    "CURRENT_ROLE": lambda s: s.role,
    "CURRENT_SCHEMA": lambda s: s.schema,
    "CURRENT_SESSION": lambda s: str(s.id),
    "CURRENT_TRANSACTION": lambda s: str(s.transaction.id) if s.transaction else None,
    "CURRENT_USER": lambda s: s.user,
    "CURRENT_VERSION": lambda s: VERSION,
    "CURRENT_WAREHOUSE": lambda s: s.warehouse,
    "LAST_QUERY_ID": lambda s: s.last_query_id,
}


_OTHER_VALUES = {"RAND", "RANDOM", "RANDSTR", "UNIFORM", "NORMAL", "HASH", "HASH_AGG"}
"""Functions that DuckDB has too, with other values: Snowflake's RANDOM() is a 64-bit integer, its HASH
is signed and made otherwise."""


def _name(node: Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper()
    if isinstance(node, exp.Func):
        return node.sql_name().upper()
    return ""


def _moment(session: Session, kind: str) -> Expr:
    text = session.statement_started.strftime("%Y-%m-%d %H:%M:%S.%f+00:00")
    cast = exp.Cast(this=exp.Literal.string(text), to=exp.DataType.build("TIMESTAMPTZ", dialect="duckdb"))
    cast.set("_headrace", True)
    if kind == "TIMESTAMPTZ":
        return cast
    return exp.Cast(this=cast, to=exp.DataType.build(kind, dialect="duckdb"), _headrace=True)


def value(session: Session, node: Expr, volatile: bool) -> Expr | None:
    """The constant that a context function stands for, or None when ``node`` is none.

    Raises a refusal for a function that DuckDB would answer otherwise than Snowflake.

    ``volatile``: the tree is a view's or a default's, so a time must stay a function, and what depends on the
    session cannot be kept.
    """
    if isinstance(node, exp.CurrentTimestamp):
        if node.args.get("sysdate"):
            utc = exp.AtTimeZone(this=exp.CurrentTimestamp(), zone=exp.Literal.string("UTC"))
            return (
                utc
                if volatile
                else exp.AtTimeZone(this=_moment(session, "TIMESTAMPTZ"), zone=utc.args["zone"])
            )
        return None if volatile else _moment(session, "TIMESTAMPTZ")
    if isinstance(node, exp.CurrentDate) and not volatile:
        return _moment(session, "DATE")
    if isinstance(node, exp.CurrentTime) and not volatile:
        return _moment(session, "TIME")
    name = _name(node)
    if name in _OTHER_VALUES:
        raise refuse(f"have Snowflake's {'RANDOM' if name == 'RAND' else name}")
    if name not in _VALUES:
        return None
    if volatile and name not in ("CURRENT_ACCOUNT", "CURRENT_REGION", "CURRENT_VERSION"):
        raise refuse(f"keep {name}() in a view or a default")
    return _text(_VALUES[name](session))
