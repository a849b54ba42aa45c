"""What MySQL's catalog says of a table: whether it can be read, and its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from MySQLdb import MySQLError

from include.headrace.config import MysqlTable
from include.headrace.errors import SourceError
from include.headrace.names import quote
from include.headrace.readers.mysql_connection import is_mariadb
from include.headrace.readers.narrowing import check_named

if TYPE_CHECKING:
    from MySQLdb.connections import Connection

READABLE = ("BASE TABLE", "VIEW", "SYSTEM VERSIONED", "SYSTEM VIEW")
"""Types of tables that hold rows of a source, as information_schema names them."""

DENIED = (1142, 1143)
"""The user may not read the table, or not all of its columns."""

TABLE = "SELECT table_type FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
COLUMNS = """
SELECT column_name, data_type, column_type, numeric_precision, numeric_scale, column_comment, privileges
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""
CHECKS = """
SELECT check_clause FROM information_schema.check_constraints
WHERE constraint_schema = %s AND table_name = %s
"""
NEIGHBOURS = """
SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1 LIMIT 30
"""
DATABASES = """
SELECT schema_name FROM information_schema.schemata
WHERE schema_name NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys') ORDER BY 1 LIMIT 30
"""


@dataclass(frozen=True)
class SourceColumn:
    """A column as MySQL has it. ``type`` is the bare type, ``written`` the type with all it was given."""

    name: str
    type: str
    written: str
    precision: int
    scale: int
    comment: str | None


def ask(connection: Connection, statement: str, values: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
    """The rows of a small query, as text. ``values`` stand for ``%s``."""
    cursor = connection.cursor()
    cursor.execute(statement, tuple(values) or None)
    return [tuple(None if one is None else one.decode() for one in row) for row in cursor.fetchall()]


def columns_of(connection: Connection, database: str, table: MysqlTable) -> list[SourceColumn]:
    """The columns of a table or view that are to be read, in order, invisible ones among them.

    Raises SourceError, naming what there is, when there is no such database, table or column, when
    the table holds no rows, or when it has columns that the user may not read and ``exclude`` does
    not name. Raises the driver's MySQLError.
    """
    found = ask(connection, TABLE, (database, table.name))
    if not found:
        raise _missing(connection, database, table.name)
    where = f"{database}.{table.name}"
    if found[0][0] not in READABLE:
        raise SourceError(f"{where} in MySQL is neither a table nor a view; it has no rows.")
    documents = _checked_as_json(connection, database, table.name)
    columns = [
        SourceColumn(
            name=str(name),
            type="json" if str(name) in documents else str(kind).lower(),
            written=str(written),
            precision=int(precision or 0),
            scale=int(scale or 0),
            comment=comment or None,
        )
        for name, kind, written, precision, scale, comment, granted in ask(
            connection, COLUMNS, (database, table.name)
        )
        if "select" in str(granted).lower()
    ]
    names = [column.name for column in columns]
    hidden = [name for name in table.exclude if name not in names]
    if _some_denied(connection, quote(database, table.name)):
        # The catalog leaves out what the user may not see: a column would be missing in silence.
        if not hidden:
            allowed = ", ".join(names) or "no column"
            raise SourceError(
                f"The connection's user may not read all of {where}, but only {allowed}. Grant it "
                "SELECT on the table, or name the other columns under `exclude` in the source file."
            )
        names += hidden
    check_named(table, names, where)
    return [column for column in columns if column.name not in table.exclude]


def _some_denied(connection: Connection, relation: str) -> bool:
    """True when the user may not read every column. No row is read."""
    try:
        connection.query(f"SELECT * FROM {relation} LIMIT 0".encode())
    except MySQLError as error:
        if error.args[0] in DENIED:
            return True
        raise
    connection.store_result()
    return False


def _missing(connection: Connection, database: str, table: str) -> SourceError:
    tables = [str(name) for (name,) in ask(connection, NEIGHBOURS, (database,))]
    if tables:
        return SourceError(
            f"There is no table {table!r} in the database {database!r} of MySQL that the user may read; it "
            f"has {', '.join(tables)}. Correct `name` or `database` in the source file, or grant SELECT."
        )
    databases = ", ".join(str(name) for (name,) in ask(connection, DATABASES))
    return SourceError(
        f"There is no table {table!r} in MySQL that the user may read: the database {database!r} is empty, "
        f"missing or closed to the user, who sees {databases or 'none'}. Correct `database` in the source "
        "file or the connection, or grant SELECT."
    )


def _checked_as_json(connection: Connection, database: str, table: str) -> set[str]:
    """MariaDB's JSON is text with a check: the columns that have it. MySQL has a type for it."""
    if not is_mariadb(connection):
        return set()
    # With ANSI_QUOTES, as the session has it, the clause is written with double quotes.
    start, end = 'json_valid("', '")'
    clauses = [str(clause) for (clause,) in ask(connection, CHECKS, (database, table))]
    return {
        clause[len(start) : -len(end)].replace('""', '"')
        for clause in clauses
        if clause.startswith(start) and clause.endswith(end)
    }
