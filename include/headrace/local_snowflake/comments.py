"""Comments: COMMENT ON, and ALTER TABLE ... ALTER column COMMENT, which dbt sends for all columns at once."""

from __future__ import annotations

import re

import duckdb
import sqlglot
from sqlglot import exp

from include.headrace.local_snowflake import catalog
from include.headrace.local_snowflake.ddl_options import done
from include.headrace.local_snowflake.errors import SqlError, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.names import duck, fold, split, text
from include.headrace.local_snowflake.session import Session
from include.headrace.local_snowflake.values import Result

_COMMENTS = re.compile(r"^\s*alter\s+(table|view)\s+(?:if\s+exists\s+)?(.*)$", re.IGNORECASE | re.DOTALL)


def comment(session: Session, tree: exp.Comment) -> Result:
    """COMMENT [IF EXISTS] ON TABLE | VIEW | COLUMN | SCHEMA | DATABASE."""
    tree = session.translator.prepare(tree)
    kind = str(tree.args.get("kind")).upper()
    words = tree.expression.name
    if kind == "COLUMN":
        column = tree.this
        holder = exp.Table(
            this=column.args.get("table"), db=column.args.get("db"), catalog=column.args.get("catalog")
        )
        relation = session.translator.qualify(holder)
        set_column_comments(session, relation, {column.name: words})
        return done()
    if kind not in ("TABLE", "VIEW"):
        raise refuse(f"do COMMENT ON {kind}")
    relation = session.translator.qualify(tree.this)
    if relation not in session.temporary and session.engine.kind(relation) is None:
        if tree.args.get("exists"):
            return done()
        raise does_not_exist(kind.title(), ".".join(relation))
    session.commit()
    temporary = session.temporary.get(relation)
    catalog.set_comment(session.engine, ("temp", "main", temporary.name) if temporary else relation, words)
    return done()


def set_column_comments(session: Session, relation: Relation, comments: dict[str, str]) -> None:
    """Set the comments of columns. Raises 002003 for a relation or column that is not there."""
    known = {c.name for c in catalog.columns(session, relation)}
    if not known:
        raise does_not_exist("Table", ".".join(relation))
    for name in comments:
        if name not in known:
            raise SqlError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
    place = session.place(relation)

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        for name, words in comments.items():
            connection.execute(f"COMMENT ON COLUMN {place}.{duck(name)} IS {text(words)}")

    session.define([relation], change)


def alter_comments(session: Session, statement: str) -> Result:
    """``ALTER TABLE t ALTER [COLUMN] "A" COMMENT '..', ...``, which the parser does not know.

    Raises a refusal for anything else.
    """
    found = _COMMENTS.match(statement)
    if not found:
        raise refuse(f"do {statement.strip()[:60]}")
    parts, rest = split(found[2])
    tokens = sqlglot.tokenize(rest, read="snowflake")
    words = [t.text for t in tokens]
    if not words or words[0].upper() not in ("ALTER", "MODIFY"):
        raise refuse(f"do {statement.strip()[:60]}")
    comments: dict[str, str] = {}
    position = 1
    while position < len(words):
        if words[position].upper() == "COLUMN":
            position += 1
        if position + 2 >= len(words):
            raise refuse(f"do {statement.strip()[:60]}")
        token = tokens[position]
        name = token.text if token.token_type is sqlglot.TokenType.IDENTIFIER else fold(token.text)
        if words[position + 1].upper() != "COMMENT":
            raise refuse(f"do {statement.strip()[:60]}")
        comments[name] = words[position + 2]
        position += 3
        if position < len(words):
            if words[position] not in (",", ";"):
                raise refuse(f"do {statement.strip()[:60]}")
            position += 1
    table = exp.table_(
        exp.to_identifier(parts[-1], quoted=True),
        db=exp.to_identifier(parts[-2], quoted=True) if len(parts) > 1 else None,
        catalog=exp.to_identifier(parts[-3], quoted=True) if len(parts) > 2 else None,
    )
    set_column_comments(session, session.translator.qualify(table), comments)
    return done()
