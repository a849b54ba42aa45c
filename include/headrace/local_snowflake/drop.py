"""DROP of tables, views, stages, schemas and databases. Each commits the open transaction."""

from __future__ import annotations

import duckdb
from sqlglot import exp

from include.headrace.local_snowflake import catalog, stage
from include.headrace.local_snowflake.ddl_options import done
from include.headrace.local_snowflake.errors import SqlError, does_not_exist, refuse
from include.headrace.local_snowflake.names import duck
from include.headrace.local_snowflake.session import Session
from include.headrace.local_snowflake.values import Result


def drop(session: Session, tree: exp.Drop) -> Result:
    """DROP TABLE | VIEW | SCHEMA | DATABASE | STAGE [IF EXISTS]."""
    tree = session.translator.prepare(tree)
    kind = str(tree.args.get("kind")).upper()
    missing_ok = bool(tree.args.get("exists"))
    names = tree.args.get("tables") or ([tree.this] if tree.this else [])
    if len(names) != 1:
        raise refuse("drop several objects in one statement")
    table = names[0]
    if kind == "STAGE":
        return stage.drop(session, session.translator.qualify(table), missing_ok)
    if kind == "DATABASE":
        session.commit()
        was_there = session.engine.drop_database(table.name, missing_ok)
        if was_there and session.database == table.name:
            session.database = session.schema = None
        return _dropped(table.name, was_there)
    if kind == "SCHEMA":
        return _drop_schema(session, table, missing_ok)
    if kind not in ("TABLE", "VIEW"):
        raise refuse(f"do DROP {kind}")
    relation = session.translator.qualify(table)
    temporary = session.temporary.get(relation)
    if temporary is not None and temporary.kind == kind:
        session.commit()
        session.duck.execute(f"DROP {kind} {duck('temp', 'main', temporary.name)}")
        del session.temporary[relation]
        catalog.forget(session.engine, ("temp", "main", temporary.name))
        return _dropped(relation[2], True)
    there = session.engine.kind(relation) if relation[0] in session.engine.databases() else None
    if there is None:
        if missing_ok:
            session.commit()
            return _dropped(relation[2], False)
        raise does_not_exist(kind.title(), ".".join(relation))
    if there != kind:
        raise SqlError(
            1998 if kind == "TABLE" else 1999,
            "42602",
            f"SQL compilation error:\nObject found is of type '{there}', not specified type '{kind}'.",
        )

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"DROP {kind} {duck(*relation)}")
        if kind == "TABLE":
            catalog.forget_loads(connection, relation)

    session.define([relation], change)
    catalog.forget(session.engine, relation)
    return _dropped(relation[2], True)


def _dropped(name: str, was_there: bool) -> Result:
    if was_there:
        return done(f"{name} successfully dropped.")
    return done("Drop statement executed successfully (object already dropped).")


def _drop_schema(session: Session, table: exp.Table, missing_ok: bool) -> Result:
    database, name = table.catalog or session.database or "", table.db
    if database not in session.engine.databases() or name not in session.engine.schemas(database):
        if missing_ok:
            session.commit()
            return _dropped(name, False)
        raise does_not_exist("Schema", f"{database}.{name}")
    inside = [
        (database, name, n)
        for (n,) in session.engine.catalog(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = ? AND table_schema = ?",
            [database, name],
        )
    ]

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"DROP SCHEMA {duck(database, name)} CASCADE")
        for relation in inside:
            catalog.forget_loads(connection, relation)

    session.define(inside, change)
    for relation in inside:
        catalog.forget(session.engine, relation)
    stage.forget_schema(session, database, name)
    if (session.database, session.schema) == (database, name):
        session.schema = None
    return _dropped(name, True)
