"""CREATE, DROP and COMMENT of tables, views, schemas and databases. Each commits the open transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import duckdb
from fakesnow import statement_type
from sqlglot import Expr, exp

from include.headrace.local_snowflake import catalog, columns, stage
from include.headrace.local_snowflake.errors import SqlError, already_exists, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.names import duck, text
from include.headrace.local_snowflake.session import Session, Temporary
from include.headrace.local_snowflake.values import Result, status

DDL = statement_type.DDL
_CREATE_PARTS = {
    "this",
    "kind",
    "replace",
    "exists",
    "expression",
    "properties",
    "refresh",
    "unique",
    "concurrently",
    "clone",
}


def create(session: Session, tree: exp.Create) -> Result:
    """CREATE TABLE | VIEW | SCHEMA | DATABASE | STAGE; anything else is refused."""
    kind = str(tree.args.get("kind")).upper()
    for part, value in tree.args.items():
        if value and part not in _CREATE_PARTS:
            raise refuse(f"do CREATE {kind} with {part}")
    makers: dict[str, Callable[[Session, exp.Create], Result]] = {
        "TABLE": _table,
        "VIEW": _view,
        "SCHEMA": _schema,
        "DATABASE": _database,
        "STAGE": stage.create,
    }
    if kind not in makers:
        raise refuse(f"do CREATE {kind}")
    return makers[kind](session, session.translator.prepare(tree))


def _options(tree: exp.Create, allowed: tuple[type[Expr], ...]) -> dict[type[Expr], Expr]:
    found: dict[type[Expr], Expr] = {}
    for option in tree.args["properties"].expressions if tree.args.get("properties") else []:
        if not isinstance(option, allowed):
            name = option.this.name if isinstance(option.this, Expr) else option.key.removesuffix("property")
            raise refuse(f"do CREATE {tree.kind} with {name.upper()}")
        found[type(option)] = option
    return found


def _comment(options: dict[type[Expr], Expr]) -> str | None:
    option = options.get(exp.SchemaCommentProperty)
    return option.this.name if option is not None else None


def _need_schema(session: Session, relation: Relation) -> None:
    if relation[0] not in session.engine.databases():
        raise does_not_exist("Database", relation[0])
    if relation[1] not in session.engine.schemas(relation[0]):
        raise does_not_exist("Schema", ".".join(relation[:2]))


def _place(session: Session, relation: Relation, temporary: bool, kind: str) -> tuple[str, Temporary | None]:
    if not temporary:
        return duck(*relation), None
    made = Temporary(f"{relation[2]}__{secrets.token_hex(4)}", kind)
    return duck("temp", "main", made.name), made


def _taken(session: Session, tree: exp.Create, relation: Relation, kind: str, temporary: bool) -> bool:
    """True when IF NOT EXISTS finds the relation there. Raises 002002 when it is there and must not be."""
    if temporary:
        there = session.temporary[relation].kind if relation in session.temporary else None
    else:
        there = session.engine.kind(relation)
    if there is None:
        return False
    if tree.args.get("exists"):
        return True
    if not tree.args.get("replace") or there != kind:
        raise already_exists(".".join(relation))
    return False


class _There(Exception):
    """Another session made the relation while this one waited for its lock."""


def _define(
    session: Session,
    tree: exp.Create,
    relation: Relation,
    made: Temporary | None,
    change: Callable[[duckdb.DuckDBPyConnection], None],
) -> bool:
    """Run ``change`` under the relation's lock. False when IF NOT EXISTS then finds the relation there."""

    def checked(connection: duckdb.DuckDBPyConnection) -> None:
        if made is None and tree.args.get("exists") and session.engine.kind(relation) is not None:
            raise _There
        change(connection)

    try:
        session.define([] if made else [relation], checked)
    except _There:
        return False
    return True


def _keep_temporary(session: Session, relation: Relation, made: Temporary | None) -> None:
    if made is None:
        return
    before = session.temporary.get(relation)
    session.temporary[relation] = made
    if before is not None:
        session.duck.execute(f"DROP {before.kind} IF EXISTS {duck('temp', 'main', before.name)}")


def _table(session: Session, tree: exp.Create) -> Result:
    options = _options(tree, (exp.TemporaryProperty, exp.TransientProperty, exp.SchemaCommentProperty))
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    relation = session.translator.qualify(table)
    _need_schema(session, relation)
    temporary = exp.TemporaryProperty in options
    if _taken(session, tree, relation, "TABLE", temporary):
        return status(f"{relation[2]} already exists, statement succeeded.", DDL)
    place, made = _place(session, relation, temporary, "TABLE")
    layout = columns.Layout.read(session, tree.this) if isinstance(tree.this, exp.Schema) else None
    clone, query = tree.args.get("clone"), tree.expression
    if clone is not None:
        layout = _clone_layout(session, clone)
        query = exp.select("*").from_(clone.this.copy())
    word = "CREATE OR REPLACE" if tree.args.get("replace") and made is None else "CREATE"
    select = None
    if query is not None:
        inner = query.copy()
        session.translator.check(inner)
        session.translator.resolve(inner)
        select = session.translator.finish(inner)
        if layout is None:
            layout = columns.Layout.of_query(query)

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        if select is None:
            assert layout is not None
            connection.execute(f"{word} {'TEMP ' if made else ''}TABLE {place} ({layout.definitions()})")
        else:
            assert layout is not None
            connection.execute(
                f"{word} {'TEMP ' if made else ''}TABLE {place} AS {layout.select(connection, select)}"
            )
            for statement in layout.after_select(place):
                connection.execute(statement)
        if layout is not None:
            for statement in layout.comments(place):
                connection.execute(statement)
        if made is None:
            catalog.forget_loads(connection, relation)

    if not _define(session, tree, relation, made, change):
        return status(f"{relation[2]} already exists, statement succeeded.", DDL)
    _keep_temporary(session, relation, made)
    known: Relation = ("temp", "main", made.name) if made else relation
    assert layout is not None
    catalog.describe(
        session.engine,
        known,
        layout.lengths,
        layout.zoned,
        _comment(options),
        exp.TransientProperty in options,
    )
    return status(f"Table {relation[2]} successfully created.", DDL)


def _clone_layout(session: Session, clone: Expr) -> columns.Layout:
    source = session.translator.qualify(clone.this)
    if source not in session.temporary and session.engine.kind(source) != "TABLE":
        raise does_not_exist("Table", ".".join(source))
    return columns.Layout.of_relation(catalog.columns(session, source))


def _view(session: Session, tree: exp.Create) -> Result:
    options = _options(tree, (exp.TemporaryProperty, exp.SchemaCommentProperty))
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    relation = session.translator.qualify(table)
    _need_schema(session, relation)
    temporary = exp.TemporaryProperty in options
    if _taken(session, tree, relation, "VIEW", temporary):
        return status(f"{relation[2]} already exists, statement succeeded.", DDL)
    layout = columns.Layout.names(tree.this) if isinstance(tree.this, exp.Schema) else None
    query = tree.expression.copy()
    session.translator.check(query)
    reads = session.translator.resolve(query)
    uses_temporary = any(r in session.temporary for r in reads)
    if uses_temporary and not temporary:
        raise refuse("keep a view over a temporary table; make the view temporary too")
    select = session.translator.finish(query, volatile=True)
    place, made = _place(session, relation, temporary, "VIEW")
    head = "CREATE OR REPLACE VIEW" if tree.args.get("replace") else "CREATE VIEW"
    if made:
        head = "CREATE TEMP VIEW"
    listed = f" ({', '.join(duck(n) for n in layout.order)})" if layout else ""

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"{head} {place}{listed} AS {select}")
        for statement in layout.comments(place) if layout else []:
            connection.execute(statement)

    if not _define(session, tree, relation, made, change):
        return status(f"{relation[2]} already exists, statement succeeded.", DDL)
    _keep_temporary(session, relation, made)
    known: Relation = ("temp", "main", made.name) if made else relation
    kept = columns.Layout.of_query(tree.expression)
    catalog.describe(session.engine, known, kept.lengths, kept.zoned, _comment(options))
    return status(f"View {relation[2]} successfully created.", DDL)


def _schema(session: Session, tree: exp.Create) -> Result:
    _options(tree, (exp.SchemaCommentProperty, exp.TransientProperty))
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
            return status(f"{name} already exists, statement succeeded.", DDL)
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
    return status(f"Schema {name} successfully created.", DDL)


def _database(session: Session, tree: exp.Create) -> Result:
    _options(tree, (exp.SchemaCommentProperty, exp.TransientProperty))
    if tree.args.get("clone") or tree.args.get("replace"):
        raise refuse("clone or replace a database; drop it first")
    session.commit()
    name = tree.this.name
    if not session.engine.create_database(name, exists_ok=bool(tree.args.get("exists"))):
        return status(f"{name} already exists, statement succeeded.", DDL)
    session.database, session.schema = name, "PUBLIC"
    return status(f"Database {name} successfully created.", DDL)


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
        done = session.engine.drop_database(table.name, missing_ok)
        if done and session.database == table.name:
            session.database = session.schema = None
        return _dropped(table.name, done)
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


def _dropped(name: str, done: bool) -> Result:
    if done:
        return status(f"{name} successfully dropped.", DDL)
    return status("Drop statement executed successfully (object already dropped).", DDL)


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


def comment(session: Session, tree: exp.Comment) -> Result:
    """COMMENT [IF EXISTS] ON TABLE | VIEW | COLUMN | SCHEMA | DATABASE."""
    tree = session.translator.prepare(tree)
    kind = str(tree.args.get("kind")).upper()
    words = tree.expression.name
    done = status("Statement executed successfully.", DDL)
    if kind == "COLUMN":
        column = tree.this
        holder = exp.Table(
            this=column.args.get("table"), db=column.args.get("db"), catalog=column.args.get("catalog")
        )
        relation = session.translator.qualify(holder)
        set_column_comments(session, relation, {column.name: words})
        return done
    if kind not in ("TABLE", "VIEW"):
        raise refuse(f"do COMMENT ON {kind}")
    relation = session.translator.qualify(tree.this)
    if relation not in session.temporary and session.engine.kind(relation) is None:
        if tree.args.get("exists"):
            return done
        raise does_not_exist(kind.title(), ".".join(relation))
    session.commit()
    temporary = session.temporary.get(relation)
    catalog.set_comment(session.engine, ("temp", "main", temporary.name) if temporary else relation, words)
    return done


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
