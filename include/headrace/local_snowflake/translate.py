"""Snowflake SQL to DuckDB SQL: names resolved for a session, then fakesnow's transforms.

Where fakesnow's translation gives a wrong answer without a word, the tree is changed here before it gets
there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

import fakesnow.transforms as transforms
import sqlglot
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

from include.headrace.local_snowflake import rewrites, table_functions
from include.headrace.local_snowflake.errors import SqlError, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.values import duck_type

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

INFO = "_FS_INFORMATION_SCHEMA"
Tree = TypeVar("Tree", bound=Expr)
_BIND_CAST = re.compile(r"""('(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|\$\$.*?\$\$)|\?::""", re.DOTALL)


@dataclass
class Translated:
    """A statement ready for DuckDB: its SQL and the tables and views it names for reading."""

    sql: str
    reads: set[Relation] = field(default_factory=set)


def parse(text: str) -> Expr:
    """Parse one Snowflake statement. Raises sqlglot's ParseError, or SqlError for an empty statement."""
    # sqlglot reads ``?::`` as another dialect's cast operator.
    text = _BIND_CAST.sub(lambda found: found[1] or "? ::", text)
    parsed = [e for e in sqlglot.parse(text, read="snowflake") if e and not isinstance(e, exp.Semicolon)]
    if not parsed:
        raise SqlError(900, "42601", "Empty SQL statement.")
    if len(parsed) > 1:
        raise SqlError(
            8, "0A000", f"Actual statement count {len(parsed)} did not match the desired statement count 1."
        )
    return parsed[0]


def literal(value: Any) -> Expr:
    """A bound value as a constant in the tree."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.Literal.number(value) if value >= 0 else exp.Neg(this=exp.Literal.number(-value))
    if isinstance(value, float):
        return exp.cast(exp.Literal.string(repr(value)), "DOUBLE")
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, (bytes, bytearray)):
        return exp.Anonymous(this="from_hex", expressions=[exp.Literal.string(bytes(value).hex())])
    return exp.Cast(
        this=exp.Literal.string(
            value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
        ),
        to=exp.DataType.build(duck_type(value), dialect="duckdb"),
        _headrace=True,
    )


def bind(tree: Expr, parameters: dict[str, Any] | list[Any]) -> Expr:
    """Put bound values in place of ``?``, ``:1`` and ``:name``. Raises SqlError when one has no value."""
    places = list(tree.find_all(exp.Placeholder, bfs=False))
    for index, place in enumerate(places):
        name = place.name if isinstance(place.this, str) and place.this != "?" else ""
        if isinstance(parameters, dict):
            key = name or str(index + 1)
            if key not in parameters:
                raise SqlError(2049, "42601", f"SQL compilation error: Bind variable {key} not set.")
            value = parameters[key]
        else:
            position = int(name) - 1 if name.isdigit() else index
            if position >= len(parameters):
                raise SqlError(2049, "42601", f"SQL compilation error: Bind variable {position + 1} not set.")
            value = parameters[position]
        place.replace(literal(value))
    return tree


class Translator:
    """Translates for one session: its current database and schema, its temporary relations, its functions."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fake = FakeSnowflakeConnection(session.duck, {}, create_database=False, create_schema=False)
        self._cursor = FakeSnowflakeCursor(self._fake, session.duck)

    def prepare(self, tree: Tree) -> Tree:
        """Fold identifiers to upper case and resolve IDENTIFIER(...), in place where possible."""
        folded = tree.transform(lambda e: transforms.identifier(e, None), copy=False)
        return cast("Tree", folded.transform(transforms.upper_case_unquoted_identifiers, copy=False))

    def qualify(self, table: exp.Table) -> Relation:
        """The full name of a table in the tree. Raises 090105 or 090106 without a current database or
        schema."""
        database = table.catalog or self._session.database
        if not database:
            raise SqlError(
                90105,
                "22000",
                "Cannot perform this operation. This session does not have a current database. "
                "Call 'USE DATABASE', or use a qualified name.",
            )
        schema = table.db or ("PUBLIC" if table.args.get("catalog") else self._session.schema)
        if not schema:
            raise SqlError(
                90106,
                "22000",
                "Cannot perform this operation. This session does not have a current schema. "
                "Call 'USE SCHEMA', or use a qualified name.",
            )
        return database, schema, table.name

    def resolve(self, tree: Expr) -> set[Relation]:
        """Give every table in the tree its full name, in place, and return the relations named.

        A temporary relation of the session hides a permanent one of the same name.
        """
        named: set[Relation] = set()
        ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
        for table in list(tree.find_all(exp.Table)):
            if isinstance(table.this, exp.Var) and table.this.name.startswith("headrace_rows_"):
                continue
            if isinstance(table.this, exp.Var):
                raise refuse(f"read a stage ({table.this.name}) outside COPY INTO")
            if not isinstance(table.this, exp.Identifier):
                continue
            for clause in ("when", "changes", "version", "pattern"):
                if table.args.get(clause):
                    raise refuse("have time travel or change tracking (AT, BEFORE, CHANGES)")
            if not table.db and table.name in ctes:
                continue
            relation = self.qualify(table)
            if relation[1] in ("INFORMATION_SCHEMA", INFO):
                self._information(table, relation)
                continue
            named.add(relation)
            self.point(table, relation)
        return named

    def point(self, table: exp.Table, relation: Relation) -> None:
        """Make ``table`` name ``relation``, or the session's temporary relation of that name."""
        temporary = self._session.temporary.get(relation)
        if temporary:
            if not table.alias and isinstance(table.parent, (exp.From, exp.Join, exp.Merge)):
                table.set("alias", exp.TableAlias(this=exp.to_identifier(relation[2], quoted=True)))
            parts = ("temp", "main", temporary.name)
        else:
            parts = relation
        table.set("catalog", exp.to_identifier(parts[0], quoted=True))
        table.set("db", exp.to_identifier(parts[1], quoted=True))
        table.set("this", exp.to_identifier(parts[2], quoted=True))

    def _information(self, table: exp.Table, relation: Relation) -> None:
        if relation[0] not in self._session.engine.databases():
            raise does_not_exist("Database", relation[0])
        table.set("catalog", exp.to_identifier(relation[0], quoted=True))
        table.set("db", exp.to_identifier("INFORMATION_SCHEMA", quoted=True))
        if relation[2] not in {"COLUMNS", "TABLES", "VIEWS", "SCHEMATA", "LOAD_HISTORY", "DATABASES"}:
            raise refuse(f"have INFORMATION_SCHEMA.{relation[2]}")

    def finish(self, tree: Expr, volatile: bool = False) -> str:
        """The DuckDB SQL of a tree with resolved names.

        ``volatile`` keeps CURRENT_TIMESTAMP a function, for views and defaults; otherwise it is the time the
        statement began, as in Snowflake (DuckDB's own stands still for a whole transaction).
        """
        tree = self._mended(tree.copy(), volatile)
        self._fake.database, self._fake._schema = self._session.database, self._session.schema
        tree = self._cursor._transform(tree, None)
        # Every name is quoted: words that are free in Snowflake, such as AT, are reserved in DuckDB.
        return tree.sql(dialect="duckdb", identify=True)

    def query(self, tree: Expr, volatile: bool = False) -> Translated:
        """Translate a whole statement: fold, resolve, transform."""
        tree = self.prepare(tree)
        self.check(tree)
        if isinstance(tree, exp.Query) and not volatile:
            _name_columns(tree)
        reads = self.resolve(tree)
        return Translated(self.finish(tree, volatile), reads)

    def check(self, tree: Expr) -> None:
        """Refuse what a query may not hold, and resolve its table functions, in place."""
        _check_tree(tree)
        table_functions.resolve(self._session, tree)

    def _mended(self, tree: Expr, volatile: bool) -> Expr:
        """The tree with every expression mended, the inner ones first: sqlglot's own transform does not look
        into what it replaced."""
        for node in reversed(list(tree.walk(bfs=False))):
            mended = rewrites.rewrite(node) or self._session.function(node, volatile)
            if mended is None:
                continue
            if node is tree:
                tree = mended
            else:
                node.replace(mended)
        return tree


def _name_columns(tree: exp.Query) -> None:
    """Name unnamed result columns as Snowflake does: by their text in upper case."""
    select = tree
    while isinstance(select, (exp.SetOperation, exp.Subquery)):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    for item in list(select.expressions):
        if isinstance(item, (exp.Alias, exp.Star, exp.Column, exp.Aliases)) or item.is_star:
            continue
        if isinstance(item, exp.Dot) or (item.find(exp.Star) and not isinstance(item, exp.Count)):
            continue
        if isinstance(item, exp.Subquery) and item.alias:
            continue
        item.replace(exp.alias_(item.copy(), item.sql(dialect="snowflake").upper(), quoted=True))


def _check_tree(tree: Expr) -> None:
    for kind, what in _REFUSED_NODES:
        if tree.find(kind):
            raise refuse(what)


_REFUSED_NODES: list[tuple[type[Expr], str]] = [
    (exp.MatchRecognize, "have MATCH_RECOGNIZE"),
    (exp.Parameter, "have session variables or $-columns outside COPY INTO"),
]
