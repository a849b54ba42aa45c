"""What the catalogue keeps about columns and tables beside DuckDB: text lengths, comments, loaded files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from include.headrace.local_snowflake.engine import Engine
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.names import duck

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

_COLUMNS = "_fs_global._fs_information_schema._fs_columns_ext"
_TABLES = "_fs_global._fs_information_schema._fs_tables_ext"


@dataclass(frozen=True)
class Column:
    """A column of a relation; ``kind`` is DuckDB's type, ``length`` that of a VARCHAR(n), else None."""

    name: str
    kind: str
    nullable: bool
    default: str | None
    length: int | None
    zoned: str | None
    comment: str | None
    key: str | None
    """``PRIMARY KEY`` or ``UNIQUE`` when the column belongs to such a key; neither is enforced."""


def columns(session: Session, relation: Relation) -> list[Column]:
    """The columns of a table or view in order; empty when there is no such relation."""
    temporary = session.temporary.get(relation)
    place = ("temp", "main", temporary.name) if temporary else relation
    run = session.duck.execute if temporary else session.engine.catalog
    found = run(
        "SELECT column_name, data_type, is_nullable, column_default, comment FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index",
        list(place),
    )
    if not isinstance(found, list):
        found = found.fetchall()
    extra = {
        name: (length, zoned, key)
        for name, length, zoned, key in session.engine.catalog(
            f"SELECT ext_column_name, ext_character_maximum_length, ext_zoned, ext_key FROM {_COLUMNS} "
            "WHERE ext_table_catalog = ? AND ext_table_schema = ? AND ext_table_name = ?",
            list(place),
        )
    }
    return [
        Column(name, kind, nullable, default, length, zoned, comment, key)
        for name, kind, nullable, default, comment in found
        for length, zoned, key in [extra.get(name, (None, None, None))]
    ]


def describe(
    engine: Engine,
    relation: Relation,
    lengths: dict[str, int],
    zoned: dict[str, str],
    keys: dict[str, str],
    comment: str | None = None,
    transient: bool = False,
) -> None:
    """Remember a new relation's VARCHAR lengths, time zone types, keys, comment; all from before goes."""
    forget(engine, relation)
    for name in {**lengths, **zoned, **keys}:
        set_column(engine, relation, name, lengths.get(name), zoned.get(name), keys.get(name))
    engine.catalog(
        f"INSERT INTO {_TABLES} (ext_table_catalog, ext_table_schema, ext_table_name, comment, "
        "ext_transient, "
        "ext_created) VALUES (?, ?, ?, ?, ?, now()) ON CONFLICT DO UPDATE SET comment = excluded.comment, "
        "ext_transient = excluded.ext_transient, ext_created = excluded.ext_created",
        [*relation, comment, "YES" if transient else "NO"],
    )


def set_column(
    engine: Engine, relation: Relation, column: str, length: int | None, zoned: str | None, key: str | None
) -> None:
    """Remember one column's VARCHAR length, its zoned timestamp type and the key it belongs to."""
    engine.catalog(
        f"INSERT INTO {_COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "ext_character_maximum_length = excluded.ext_character_maximum_length, "
        "ext_character_octet_length = excluded.ext_character_octet_length, ext_zoned = excluded.ext_zoned, "
        "ext_key = excluded.ext_key",
        [*relation, column, length, min(length * 4, 16_777_216) if length else None, zoned, key],
    )


def forget(engine: Engine, relation: Relation) -> None:
    """Forget a relation that is gone or made anew."""
    for table in (_COLUMNS, _TABLES):
        engine.catalog(
            f"DELETE FROM {table} WHERE ext_table_catalog = ? AND ext_table_schema = ? AND "
            "ext_table_name = ?",
            list(relation),
        )


def rename(engine: Engine, old: Relation, new: Relation) -> None:
    """Move what is remembered of ``old`` to ``new``."""
    forget(engine, new)
    for table in (_COLUMNS, _TABLES):
        engine.catalog(
            f"UPDATE {table} SET ext_table_name = ? "
            "WHERE ext_table_catalog = ? AND ext_table_schema = ? AND ext_table_name = ?",
            [new[2], *old],
        )


def set_comment(engine: Engine, relation: Relation, comment: str) -> None:
    """Set a table's or view's comment."""
    engine.catalog(
        f"INSERT INTO {_TABLES} (ext_table_catalog, ext_table_schema, ext_table_name, comment) VALUES "
        "(?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET comment = excluded.comment",
        [*relation, comment],
    )


def forget_loads(connection: duckdb.DuckDBPyConnection, relation: Relation) -> None:
    """Forget which files were loaded into a table, in the connection's transaction."""
    if relation[0] == "temp":
        return
    for table in ("_fs_load_history", "_hr_load_files"):
        connection.execute(
            f"DELETE FROM {duck(relation[0])}._fs_information_schema.{table} WHERE schema_name = ? "
            "AND table_name = ?",
            [relation[1], relation[2]],
        )
