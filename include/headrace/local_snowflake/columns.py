"""Column lists of CREATE TABLE and CREATE VIEW: types, lengths, NOT NULL, defaults, comments."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb
from sqlglot import Expr, exp

from include.headrace.local_snowflake import catalog
from include.headrace.local_snowflake.errors import SqlError, refuse
from include.headrace.local_snowflake.names import duck, text
from include.headrace.local_snowflake.rewrites import checked_length

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

_TEXT = (
    exp.DataType.Type.VARCHAR,
    exp.DataType.Type.TEXT,
    exp.DataType.Type.CHAR,
    exp.DataType.Type.NVARCHAR,
)
_ZONED = {exp.DataType.Type.TIMESTAMPLTZ: "TIMESTAMP_LTZ", exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP_TZ"}
_KEYS = (exp.PrimaryKey, exp.UniqueColumnConstraint)


@dataclass
class Layout:
    """The columns of a new relation. Keys are kept for DESCRIBE and, as in Snowflake, not enforced."""

    order: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    zoned: dict[str, str] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    defaults: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, session: Session, schema: exp.Schema) -> Layout:
        """From a column list with types. Raises SqlError for a constraint or type the emulator cannot do."""
        layout = cls()
        table_keys: list[Expr] = []
        for item in schema.expressions:
            if isinstance(item, exp.ForeignKey):
                continue
            if isinstance(item, (exp.Constraint, *_KEYS)):
                table_keys.append(item)
                continue
            if isinstance(item, exp.Identifier):
                item = exp.ColumnDef(this=item)
            if not isinstance(item, exp.ColumnDef):
                raise refuse(f"do {item.sql(dialect='snowflake')} in a column list")
            layout._add(session, item)
        for item in table_keys:
            layout._key(item)
        return layout

    @classmethod
    def names(cls, schema: exp.Schema) -> Layout:
        """From a view's column list: names and comments only."""
        layout = cls()
        for item in schema.expressions:
            name = item.name
            layout.order.append(name)
            for constraint in item.args.get("constraints") or []:
                if not isinstance(constraint.kind, exp.CommentColumnConstraint):
                    raise refuse(f"do {constraint.sql(dialect='snowflake')} in a view's column list")
                layout.remarks[name] = constraint.kind.this.name
        return layout

    @classmethod
    def of_query(cls, query: Expr) -> Layout:
        """What can be known of a query's columns: lengths and zones of the casts in its select list."""
        layout = cls()
        select = query.unnest() if isinstance(query, exp.Subquery) else query
        for item in select.expressions if isinstance(select, exp.Select) else []:
            value = item.this if isinstance(item, exp.Alias) else item
            if not isinstance(value, exp.Cast):
                continue
            size = value.to.find(exp.DataTypeParam)
            if value.to.this in _TEXT and size is not None:
                layout.lengths[item.alias_or_name] = int(size.name)
            if value.to.this in _ZONED:
                layout.zoned[item.alias_or_name] = _ZONED[value.to.this]
        return layout

    @classmethod
    def of_relation(cls, described: list[catalog.Column]) -> Layout:
        """The same columns as another table's, for CLONE."""
        layout = cls()
        for column in described:
            if column.length:
                layout.lengths[column.name] = column.length
            if column.zoned:
                layout.zoned[column.name] = column.zoned
            if not column.nullable:
                layout.required.add(column.name)
            if column.default is not None:
                layout.defaults[column.name] = column.default
            if column.key:
                layout.keys[column.name] = column.key
            if column.comment:
                layout.remarks[column.name] = column.comment
        return layout

    def _add(self, session: Session, item: exp.ColumnDef) -> None:
        name = item.name
        if name in self.types:
            raise SqlError(2025, "42S21", f"SQL compilation error:\nduplicate column name '{name}'")
        self.order.append(name)
        # Only CREATE TABLE ... AS may leave a type out; it is then the query's.
        self.types[name], length, zoned = data_type(session, item.kind) if item.kind else ("", None, None)
        if length:
            self.lengths[name] = length
        if zoned:
            self.zoned[name] = zoned
        for constraint in item.args.get("constraints") or []:
            self._constrain(session, name, constraint.kind, constraint)

    def _constrain(self, session: Session, name: str, kind: Expr, constraint: Expr) -> None:
        if isinstance(kind, exp.NotNullColumnConstraint):
            if not kind.args.get("allow_null"):
                self.required.add(name)
        elif isinstance(kind, exp.DefaultColumnConstraint):
            self.defaults[name] = session.translator.finish(kind.this.copy(), volatile=True)
        elif isinstance(kind, exp.CommentColumnConstraint):
            self.remarks[name] = kind.this.name
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            self.required.add(name)
            self.keys[name] = "PRIMARY KEY"
        elif isinstance(kind, exp.UniqueColumnConstraint):
            self.keys.setdefault(name, "UNIQUE")
        elif not isinstance(kind, exp.Reference):
            raise refuse(f"do {constraint.sql(dialect='snowflake')} on the column {name}")

    def _key(self, item: Expr) -> None:
        """A key of the whole table, named or not. A primary key makes its columns NOT NULL (documentation,
        "Overview of Constraints"). Raises 000904 for a column that is not in the list.
        """
        for key in item.expressions if isinstance(item, exp.Constraint) else [item]:
            if isinstance(key, exp.ForeignKey):
                continue
            if not isinstance(key, _KEYS):
                raise refuse(f"do {item.sql(dialect='snowflake')} in a column list")
            primary = isinstance(key, exp.PrimaryKey)
            for column in key.expressions if primary else key.this.expressions:
                if column.name not in self.types:
                    raise SqlError(
                        904, "42000", f"SQL compilation error:\ninvalid identifier '{column.name}'"
                    )
                if primary:
                    self.required.add(column.name)
                    self.keys[column.name] = "PRIMARY KEY"
                else:
                    self.keys.setdefault(column.name, "UNIQUE")

    def definitions(self) -> str:
        """The column list of DuckDB's CREATE TABLE. Raises 001003 for a column without a type."""
        parts = []
        for name in self.order:
            if not self.types[name]:
                raise SqlError(1003, "42000", f"SQL compilation error:\nthe column {name} has no type")
            part = f"{duck(name)} {self.types[name]}"
            if name in self.required:
                part += " NOT NULL"
            if name in self.defaults:
                part += f" DEFAULT {self.defaults[name]}"
            parts.append(part)
        return ", ".join(parts)

    def select(self, connection: duckdb.DuckDBPyConnection, select: str) -> str:
        """``select`` with its columns cast and named as in the list. Raises 002026 if the numbers differ."""
        if not self.order:
            return select
        found = connection.execute(f"DESCRIBE {select}").fetchall()
        if len(found) != len(self.order):
            raise SqlError(2026, "42601", "SQL compilation error:\nInvalid column definition list")
        inner = [f"c{i}" for i in range(len(found))]
        outer = []
        for name, column in zip(self.order, inner, strict=True):
            value = column
            if name in self.lengths:
                value = checked_length(exp.column(column), self.lengths[name], name).sql(dialect="duckdb")
            if self.types[name]:
                value = f"CAST({value} AS {self.types[name]})"
            outer.append(f"{value} AS {duck(name)}")
        return f"SELECT {', '.join(outer)} FROM ({select}) AS q({', '.join(inner)})"

    def after_select(self, place: str) -> list[str]:
        """Statements that put NOT NULL and defaults on a table made by a query; NULLs there fail."""
        nulls = [f"ALTER TABLE {place} ALTER COLUMN {duck(n)} SET NOT NULL" for n in sorted(self.required)]
        return nulls + [
            f"ALTER TABLE {place} ALTER COLUMN {duck(n)} SET DEFAULT {d}" for n, d in self.defaults.items()
        ]

    def comments(self, place: str) -> list[str]:
        """Statements that set the columns' comments."""
        return [
            f"COMMENT ON COLUMN {place}.{duck(n)} IS {text(words)}"
            for n, words in self.remarks.items()
            if words
        ]


def data_type(session: Session, kind: exp.DataType) -> tuple[str, int | None, str | None]:
    """DuckDB's type for a Snowflake type, the length of a VARCHAR(n), and TIMESTAMP_TZ or _LTZ."""
    length = None
    if kind.this in _TEXT:
        size = kind.find(exp.DataTypeParam)
        length = int(size.name) if size is not None else None
        if kind.this is exp.DataType.Type.CHAR and size is None:
            length = 1
        return "VARCHAR", length, None
    translated = session.translator.finish(kind.copy())
    if kind.this is exp.DataType.Type.USERDEFINED or re.match(
        r"(GEOGRAPHY|GEOMETRY|VECTOR|MAP|STRUCT)", translated
    ):
        raise refuse(f"have the type {kind.sql(dialect='snowflake')}")
    if translated.startswith("BLOB"):
        translated = "BLOB"
    return translated, None, _ZONED.get(kind.this)
