"""The properties of a CREATE statement, and the answer every DDL statement gives."""

from __future__ import annotations

from fakesnow import statement_type
from sqlglot import Expr, exp

from include.headrace.local_snowflake.errors import refuse
from include.headrace.local_snowflake.values import Result, status


def done(message: str = "Statement executed successfully.") -> Result:
    """The one-row status of a DDL statement."""
    return status(message, statement_type.DDL)


def options(tree: exp.Create, allowed: tuple[type[Expr], ...]) -> dict[type[Expr], Expr]:
    """The properties of a CREATE by their type. Raises a refusal for one that is not ``allowed``."""
    found: dict[type[Expr], Expr] = {}
    for option in tree.args["properties"].expressions if tree.args.get("properties") else []:
        if not isinstance(option, allowed):
            name = option.this.name if isinstance(option.this, Expr) else option.key.removesuffix("property")
            raise refuse(f"do CREATE {tree.kind} with {name.upper()}")
        found[type(option)] = option
    return found


def comment(given: dict[type[Expr], Expr]) -> str | None:
    """The COMMENT among a CREATE's options."""
    option = given.get(exp.SchemaCommentProperty)
    return option.this.name if option is not None else None
