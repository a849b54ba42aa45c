"""The data of the local Snowflake on disk: DuckDB databases, the catalogue and the stages.

Layout under the data directory: ``databases/<NAME>.db``, one DuckDB file a database; ``catalog.db``, what
DuckDB does not keep (stages, comments, lengths of text columns, roles); ``stages/<db>/<schema>/<stage>/``.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from fakesnow import info_schema, macros
from fakesnow.transforms import show

from include.headrace.local_snowflake import information_schema, json_text, rewrites
from include.headrace.local_snowflake.errors import PRODUCT, SqlError, already_exists, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Relation

GLOBAL = "_fs_global"
_DATABASE_NAME = re.compile(r"[A-Z_][A-Z0-9_$]*")


class Engine:
    """One open data directory. Only one process may hold it: DuckDB locks the files."""

    def __init__(self, data_dir: Path) -> None:
        """Open or create ``data_dir``. Raises SqlError when another server holds it."""
        self.data_dir = data_dir.resolve()
        self.stages = self.data_dir / "stages"
        self._files = self.data_dir / "databases"
        for folder in (self.stages, self._files):
            folder.mkdir(parents=True, exist_ok=True)
        self.root = duckdb.connect(":memory:", config={"lambda_syntax": "ENABLE_SINGLE_ARROW"})
        self.root.execute("SET GLOBAL TimeZone = 'UTC'")
        json_text.register(self.root)
        self._attach(self.data_dir / "catalog.db", GLOBAL)
        self._mutex = threading.RLock()
        self._catalog = self.root.cursor()
        self._create_catalog()
        for file in sorted(self._files.glob("*.db")):
            self._attach(file, file.stem)
            self._create_views(file.stem)

    def _attach(self, file: Path, name: str) -> None:
        try:
            self.root.execute(f"ATTACH '{str(file).replace(chr(39), chr(39) * 2)}' AS \"{name}\"")
        except duckdb.IOException as error:
            raise SqlError(
                603, "XX000", f"{PRODUCT} cannot open {file}: {str(error).splitlines()[0]}"
            ) from error

    def _create_catalog(self) -> None:
        views = self.root.execute(
            "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = ? AND NOT internal",
            [GLOBAL],
        ).fetchall()
        for schema, view in views:  # views belong to the version of fakesnow that runs, not to the file
            self.root.execute(f'DROP VIEW {GLOBAL}."{schema}"."{view}"')
        self.root.execute(info_schema.fs_global_creation_sql())
        self.root.execute(macros.creation_sql(f"{GLOBAL}.main"))
        for macro in (rewrites.COUNTED, rewrites.DATE_TRUNC, rewrites.TO_CHAR):
            self.root.execute(macro)
        for statement in information_schema.global_statements():
            self.root.execute(statement)
        self.root.execute(show.fs_global_creation_sql())

    def _create_views(self, database: str) -> None:
        self.root.execute(
            info_schema.per_db_creation_sql(f'"{database}"').replace(f"'\"{database}\"'", f"'{database}'")
        )
        for statement in information_schema.database_statements(database):
            self.root.execute(statement)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A new DuckDB connection for one session. Names in statements must be fully qualified."""
        connection = self.root.cursor()
        connection.execute(f"SET search_path = '{GLOBAL}.main'")
        return connection

    def catalog(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the catalogue, committed at once, and return its rows."""
        with self._mutex:
            return self._catalog.execute(sql, list(parameters)).fetchall()

    def databases(self) -> list[str]:
        """The names of the databases, sorted."""
        return [
            name
            for (name,) in self.catalog(
                "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name "
                "NOT IN (?, ?) "
                "ORDER BY 1",
                ["memory", GLOBAL],
            )
        ]

    def schemas(self, database: str) -> list[str]:
        """The names of a database's schemas, sorted, INFORMATION_SCHEMA left out."""
        return [
            name
            for (name,) in self.catalog(
                "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? "
                "AND schema_name NOT IN ('main', 'pg_catalog', 'information_schema', "
                "'_fs_information_schema') "
                "ORDER BY 1",
                [database],
            )
        ]

    def create_database(self, name: str, exists_ok: bool) -> bool:
        """Create a database with the schema PUBLIC. Returns False when it was there and ``exists_ok``."""
        if not _DATABASE_NAME.fullmatch(name):
            raise refuse(f"take the database name {name!r}; use capitals, digits and underscores")
        with self._mutex:
            if name in self.databases():
                if exists_ok:
                    return False
                raise already_exists(name)
            self._attach(self._files / f"{name}.db", name)
            self._create_views(name)
            self.root.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"."PUBLIC"')
        return True

    def drop_database(self, name: str, missing_ok: bool) -> bool:
        """Drop a database, its stages and its files. Returns False when it was missing and ``missing_ok``."""
        with self._mutex:
            if name not in self.databases():
                if missing_ok:
                    return False
                raise does_not_exist("Database", name)
            self.root.execute(f'DETACH "{name}"')
            for file in (self._files / f"{name}.db", self._files / f"{name}.db.wal"):
                file.unlink(missing_ok=True)
            shutil.rmtree(self.stages / name, ignore_errors=True)
            for table in ("_fs_stages", "_fs_file_formats"):
                self.catalog(
                    f"DELETE FROM {GLOBAL}._fs_information_schema.{table} WHERE database_name = ?", [name]
                )
            for table in ("_fs_tables_ext", "_fs_columns_ext"):
                self.catalog(
                    f"DELETE FROM {GLOBAL}._fs_information_schema.{table} WHERE ext_table_catalog = ?", [name]
                )
        return True

    def is_view(self, relation: Relation) -> bool:
        """True when a view of that name exists."""
        return self.kind(relation) == "VIEW"

    def kind(self, relation: Relation) -> str | None:
        """``TABLE``, ``VIEW``, or None when nothing has that name. Names are compared exactly."""
        found = self.catalog(
            "SELECT 'TABLE' FROM duckdb_tables() WHERE database_name = $1 AND schema_name = $2 AND "
            "table_name = $3 "
            "UNION ALL SELECT 'VIEW' FROM duckdb_views() "
            "WHERE database_name = $1 AND schema_name = $2 AND view_name = $3",
            list(relation),
        )
        return found[0][0] if found else None

    def stage_folder(self, stage: Relation) -> Path:
        """Where the files of a stage are."""
        return self.stages.joinpath(*stage)

    def close(self) -> None:
        """Write everything out and let go of the files."""
        with self._mutex:
            self._catalog.close()
            json_text.unregister(self.root)
            self.root.close()
