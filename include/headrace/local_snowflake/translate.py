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

from include.headrace.local_snowflake import json_text, table_functions
from include.headrace.local_snowflake.errors import SqlError, does_not_exist, marked, refuse
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.values import duck_type

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

INFO = "_FS_INFORMATION_SCHEMA"
Tree = TypeVar("Tree", bound=Expr)
_TEXT = (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT)
_AGGREGATES = (
    exp.Sum,
    exp.Avg,
    exp.Variance,
    exp.VariancePop,
    exp.Stddev,
    exp.StddevPop,
    exp.StddevSamp,
    exp.Median,
)
_AGGREGATE_NAMES: dict[type[Expr], str] = {
    exp.Sum: "SUM",
    exp.Avg: "AVG",
    exp.Variance: "VAR_SAMP",
    exp.VariancePop: "VAR_POP",
    exp.Stddev: "STDDEV_SAMP",
    exp.StddevPop: "STDDEV_POP",
    exp.StddevSamp: "STDDEV_SAMP",
    exp.Median: "MEDIAN",
}


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


def error_call(errno: int, sqlstate: str, message: str) -> Expr:
    """DuckDB's ``error()`` with a message that becomes a Snowflake error."""
    return exp.Anonymous(this="error", expressions=[exp.Literal.string(marked(errno, sqlstate, message))])


def checked_length(value: Expr, length: int, column: str) -> Expr:
    """``value``, or Snowflake's 100078 when it has more than ``length`` characters."""
    return exp.Case(
        ifs=[
            exp.If(
                this=exp.GT(
                    this=exp.Anonymous(
                        this="length", expressions=[exp.cast(value.copy(), "VARCHAR", dialect="duckdb")]
                    ),
                    expression=exp.Literal.number(length),
                ),
                true=error_call(
                    100078,
                    "22000",
                    f"String is too long and would be truncated: column {column} VARCHAR({length})",
                ),
            )
        ],
        default=value,
    )


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
        tree = tree.transform(lambda e: self._mend(e, volatile), copy=True)
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

    def _mend(self, node: Expr, volatile: bool) -> Expr:
        if isinstance(node, _AGGREGATES):
            # fakesnow casts the argument to DOUBLE; sums of numbers must stay numbers.
            return exp.Anonymous(this=_AGGREGATE_NAMES[type(node)], expressions=[node.this])
        if isinstance(node, exp.Cast) and not node.args.get("_headrace") and node.to.this in _TEXT:
            return _truncating_cast(node)
        if isinstance(node, exp.Cast) and node.to.this is exp.DataType.Type.VARIANT:
            return exp.Anonymous(this="to_json", expressions=[node.this])
        if isinstance(node, exp.Div) and not node.args.get("_headrace"):
            return _checked_division(node)
        if isinstance(node, exp.ParseJSON):
            return _parse_json(node)
        if value := self._session.function(node, volatile):
            return value
        return node


def _truncating_cast(node: exp.Cast) -> Expr:
    size = node.to.find(exp.DataTypeParam)
    if size is None or isinstance(node, exp.TryCast):
        return node
    plain = node.copy()
    plain.set("to", exp.DataType(this=exp.DataType.Type.VARCHAR))
    plain.set("_headrace", True)
    return exp.Anonymous(this="left", expressions=[plain, size.this.copy()])


def _checked_division(node: exp.Div) -> Expr:
    divisor = node.expression
    node.set("_headrace", True)
    if isinstance(divisor, exp.Literal) and divisor.this.strip("0.") != "":
        return node
    return exp.Paren(
        this=exp.Case(
            ifs=[
                exp.If(
                    this=exp.EQ(this=exp.Paren(this=divisor.copy()), expression=exp.Literal.number(0)),
                    true=error_call(100051, "22012", "Division by zero"),
                )
            ],
            default=node.copy(),
        )
    )


def _parse_json(node: exp.ParseJSON) -> Expr:
    """PARSE_JSON and TRY_PARSE_JSON, with Snowflake's rules on the text. Raises a refusal for a parameter."""
    if node.expression:
        raise refuse("take parameters in PARSE_JSON")
    name = json_text.TRY if node.args.get("safe") else json_text.CHECK
    text = exp.Cast(this=node.this, to=exp.DataType.build("VARCHAR", dialect="duckdb"), _headrace=True)
    return exp.Anonymous(this="json", expressions=[exp.Anonymous(this=name, expressions=[text])])


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
