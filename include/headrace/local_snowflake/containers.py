"""CREATE SCHEMA and CREATE DATABASE. Both commit the open transaction and become the session's own."""

from __future__ import annotations

import duckdb
from sqlglot import exp

from include.headrace.local_snowflake.ddl_options import done, options
from include.headrace.local_snowflake.errors import SqlError, already_exists, does_not_exist, refuse
from include.headrace.local_snowflake.names import duck
from include.headrace.local_snowflake.session import Session
from include.headrace.local_snowflake.values import Result


def create_schema(session: Session, tree: exp.Create) -> Result:
    """CREATE [OR REPLACE] SCHEMA [IF NOT EXISTS]."""
    options(tree, (exp.SchemaCommentProperty, exp.TransientProperty))
    if tree.args.get("clone"):
        raise refuse("clone a schema")
    database, name = tree.this.catalog or session.database, tree.this.db
    if not database:
        raise SqlError(
            90105, "22000", "Cannot perform CREATE SCHEMA. This session does not have a current database."
        )
    if database not in session.engine.databases():
        raise does_not_exist("Database", database)
    if name in session.engine.schemas(database):
        if tree.args.get("exists"):
            return done(f"{name} already exists, statement succeeded.")
        if not tree.args.get("replace"):
            raise already_exists(f"{database}.{name}")
    if name in ("INFORMATION_SCHEMA", "MAIN"):
        raise refuse(f"take the schema name {name}")
    place = duck(database, name)

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        if tree.args.get("replace"):
            connection.execute(f"DROP SCHEMA IF EXISTS {place} CASCADE")
            connection.execute(f"CREATE SCHEMA {place}")
        else:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place}")

    session.define([], change)
    session.database, session.schema = database, name
    return done(f"Schema {name} successfully created.")


def create_database(session: Session, tree: exp.Create) -> Result:
    """CREATE DATABASE [IF NOT EXISTS], with its schema PUBLIC."""
    options(tree, (exp.SchemaCommentProperty, exp.TransientProperty))
    if tree.args.get("clone") or tree.args.get("replace"):
        raise refuse("clone or replace a database; drop it first")
    session.commit()
    name = tree.this.name
    if not session.engine.create_database(name, exists_ok=bool(tree.args.get("exists"))):
        return done(f"{name} already exists, statement succeeded.")
    session.database, session.schema = name, "PUBLIC"
    return done(f"Database {name} successfully created.")
