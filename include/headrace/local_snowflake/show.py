"""SHOW: the objects there are, as rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fakesnow import statement_type

from include.headrace.local_snowflake import catalog, control
from include.headrace.local_snowflake.describe import json_type
from include.headrace.local_snowflake.errors import does_not_exist, nothing_to_show, refuse
from include.headrace.local_snowflake.names import table as table_name
from include.headrace.local_snowflake.parameters import PARAMETERS
from include.headrace.local_snowflake.show_scope import Scope, parse_scope
from include.headrace.local_snowflake.values import Result, headings, rows

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session


def show(session: Session, statement: str) -> Result:
    """SHOW one kind of object. Raises a refusal for the kinds that the emulator does not have."""
    scope = parse_scope(statement)
    if scope.kind == "TRANSACTIONS":
        return control.show_transactions(session, everyone=scope.within == "ACCOUNT")
    if scope.kind == "LOCKS":
        return control.show_locks(session)
    columns, found = _SHOWS[scope.kind](session, scope)
    at = [c for c, _ in columns].index("key" if scope.kind == "PARAMETERS" else _NAME.get(scope.kind, "name"))
    kept = [row for row in found if scope.wants(row[at])]
    if scope.limit is not None:
        kept = kept[: scope.limit]
    return rows(columns, kept, statement_type.SHOW)


_NAME = {"COLUMNS": "column_name"}
Shown = tuple[list[tuple[str, str]], list[list[Any]]]
_UNKNOWN = datetime.fromtimestamp(0, UTC)


def _databases(session: Session, scope: Scope) -> Shown:
    columns = headings(
        "created_on",
        "name",
        "is_default",
        "is_current",
        "origin",
        "owner",
        "comment",
        "options",
        "retention_time",
        "kind",
    )
    return columns, [
        [_UNKNOWN, n, "N", "Y" if n == session.database else "N", "", "SYSADMIN", "", "", "1", "STANDARD"]
        for n in session.engine.databases()
    ]


def _schemas(session: Session, scope: Scope) -> Shown:
    columns = headings(
        "created_on",
        "name",
        "is_default",
        "is_current",
        "database_name",
        "owner",
        "comment",
        "options",
        "retention_time",
    )
    databases = session.engine.databases()
    if scope.names:
        if scope.names[0] not in databases:
            raise does_not_exist("Database", scope.names[0])
        databases = [scope.names[0]]
    elif scope.within != "ACCOUNT" and session.database:
        databases = [session.database]
    found = []
    for database in databases:
        for name in sorted([*session.engine.schemas(database), "INFORMATION_SCHEMA"]):
            current = "Y" if (database, name) == (session.database, session.schema) else "N"
            found.append([_UNKNOWN, name, "N", current, database, "SYSADMIN", "", "", "1"])
    return columns, found


def _where(session: Session, scope: Scope) -> tuple[str | None, str | None]:
    """The database and schema to look in; None stands for all."""
    if scope.within == "ACCOUNT":
        return None, None
    if scope.within == "DATABASE":
        database = scope.names[0] if scope.names else session.database
        if database not in session.engine.databases():
            raise does_not_exist("Database", str(database))
        return database, None
    if scope.within == "SCHEMA" and scope.names:
        database = scope.names[0] if len(scope.names) == 2 else session.database
        if database not in session.engine.databases() or scope.names[-1] not in [
            *session.engine.schemas(database),
            "INFORMATION_SCHEMA",
        ]:
            raise nothing_to_show()
        return database, scope.names[-1]
    return session.database, session.schema


def _relations(session: Session, scope: Scope) -> list[tuple[Any, ...]]:
    database, schema = _where(session, scope)
    return session.engine.catalog(
        """
        SELECT r.kind, r.database_name, r.schema_name, r.name, r.row_count, r.sql, e.comment,
               coalesce(e.ext_transient, 'NO'), coalesce(e.ext_created, to_timestamp(0))
        FROM (
            SELECT 'TABLE' AS kind, database_name, schema_name, table_name AS name, estimated_size AS
            row_count,
                   NULL AS sql
            FROM duckdb_tables() WHERE NOT internal AND NOT temporary
            UNION ALL
            SELECT 'VIEW', database_name, schema_name, view_name, NULL, sql
            FROM duckdb_views() WHERE NOT internal
        ) r
        LEFT JOIN _fs_global._fs_information_schema._fs_tables_ext e
          ON e.ext_table_catalog = r.database_name AND e.ext_table_schema = r.schema_name
         AND e.ext_table_name = r.name
        WHERE r.schema_name NOT IN ('main', '_fs_information_schema')
          AND r.database_name NOT IN ('_fs_global', 'system', 'temp', 'memory')
          AND ($1 IS NULL OR r.database_name = $1) AND ($2 IS NULL OR r.schema_name = $2)
        ORDER BY 2, 3, 4
        """,
        [database, schema],
    )


def _objects(session: Session, scope: Scope) -> Shown:
    columns = headings(
        "created_on",
        "name",
        "database_name",
        "schema_name",
        "kind",
        "comment",
        "cluster_by",
        "rows",
        "bytes",
        "owner",
        "retention_time",
        "owner_role_type",
        "is_hybrid",
        "is_dynamic",
        "is_iceberg",
    )
    found = []
    for kind, database, schema, name, count, _, comment, transient, created in _relations(session, scope):
        # SHOW TABLES says TRANSIENT where SHOW OBJECTS says TABLE.
        shown = "TRANSIENT" if transient == "YES" and scope.kind == "TABLES" and kind == "TABLE" else kind
        found.append(
            [
                created,
                name,
                database,
                schema,
                shown,
                comment or "",
                "",
                count,
                None,
                "SYSADMIN",
                "1",
                "ROLE",
                "N",
                "N",
                "N",
            ]
        )
    return columns, found


def _tables(session: Session, scope: Scope) -> Shown:
    columns, found = _objects(session, scope)
    return columns, [row for row in found if row[4] != "VIEW"]


def _views(session: Session, scope: Scope) -> Shown:
    columns = headings(
        "created_on",
        "name",
        "reserved",
        "database_name",
        "schema_name",
        "owner",
        "comment",
        "text",
        "is_secure",
        "is_materialized",
    )
    found = []
    for kind, database, schema, name, _, sql, comment, _, created in _relations(session, scope):
        if kind == "VIEW":
            found.append(
                [created, name, "", database, schema, "SYSADMIN", comment or "", sql, "false", "false"]
            )
    return columns, found


def _columns(session: Session, scope: Scope) -> Shown:
    columns = headings(
        "table_name",
        "schema_name",
        "column_name",
        "data_type",
        "null?",
        "default",
        "kind",
        "expression",
        "comment",
        "database_name",
        "autoincrement",
    )
    if scope.within in ("TABLE", "VIEW") and scope.names:
        relations = [session.translator.qualify(table_name(scope.names))]
        if not catalog.columns(session, relations[0]):
            raise does_not_exist("Table", ".".join(relations[0]))
    else:
        relations = [(r[1], r[2], r[3]) for r in _relations(session, scope)]
    found = []
    for relation in relations:
        for c in catalog.columns(session, relation):
            found.append(
                [
                    relation[2],
                    relation[1],
                    c.name,
                    json_type(c),
                    str(c.nullable).lower(),
                    c.default or "",
                    "COLUMN",
                    "",
                    c.comment or "",
                    relation[0],
                    "",
                ]
            )
    return columns, found


def _stages(session: Session, scope: Scope) -> Shown:
    columns = headings(
        "created_on",
        "name",
        "database_name",
        "schema_name",
        "url",
        "has_credentials",
        "has_encryption_key",
        "owner",
        "comment",
        "type",
    )
    database, schema = _where(session, scope)
    found = session.engine.catalog(
        "SELECT created_on, name, database_name, schema_name, url, has_credentials, "
        "has_encryption_key, owner, "
        "comment, type FROM _fs_global._fs_information_schema._fs_stages "
        "WHERE ($1 IS NULL OR database_name = $1) AND ($2 IS NULL OR schema_name = $2) ORDER BY 3, 4, 2",
        [database, schema],
    )
    return columns, [list(row) for row in found]


def _roles(session: Session, scope: Scope) -> Shown:
    names = session.instance.governance.names("ROLE")
    return headings("created_on", "name", "is_current", "comment"), [
        [
            _UNKNOWN,
            n,
            "Y" if n == session.role else "N",
            "grants are not enforced by the local Snowflake (emulated)",
        ]
        for n in names
    ]


def _warehouses(session: Session, scope: Scope) -> Shown:
    names = session.instance.governance.names("WAREHOUSE")
    return headings("name", "state", "type", "size", "is_current"), [
        [n, "STARTED", "STANDARD", "X-Small", "Y" if n == session.warehouse else "N"] for n in names
    ]


def _parameters(session: Session, scope: Scope) -> Shown:
    if scope.within not in ("", "SESSION"):
        raise refuse(f"do SHOW PARAMETERS IN {scope.within}")
    columns = headings("key", "value", "default", "level", "description", "type")
    return columns, [
        [
            n,
            session.parameters.value(n),
            p.default,
            "SESSION" if session.parameters.is_set(n) else "",
            p.description,
            p.kind,
        ]
        for n, p in sorted(PARAMETERS.items())
    ]


_SHOWS: dict[str, Callable[[Session, Scope], Shown]] = {
    "DATABASES": _databases,
    "SCHEMAS": _schemas,
    "OBJECTS": _objects,
    "TABLES": _tables,
    "VIEWS": _views,
    "COLUMNS": _columns,
    "STAGES": _stages,
    "ROLES": _roles,
    "WAREHOUSES": _warehouses,
    "PARAMETERS": _parameters,
}
