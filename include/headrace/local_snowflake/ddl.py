"""CREATE of tables and views, and who creates the rest. Each commits the open transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import duckdb
from sqlglot import Expr, exp

from include.headrace.local_snowflake import catalog, columns, containers, stage
from include.headrace.local_snowflake.ddl_options import comment, done, options
from include.headrace.local_snowflake.dml import changed_rows, execute_count
from include.headrace.local_snowflake.errors import already_exists, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.names import duck
from include.headrace.local_snowflake.session import Session, Temporary
from include.headrace.local_snowflake.values import Result

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
        "SCHEMA": containers.create_schema,
        "DATABASE": containers.create_database,
        "STAGE": stage.create,
    }
    if kind not in makers:
        raise refuse(f"do CREATE {kind}")
    return makers[kind](session, session.translator.prepare(tree))


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
    given = options(tree, (exp.TemporaryProperty, exp.TransientProperty, exp.SchemaCommentProperty))
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    relation = session.translator.qualify(table)
    _need_schema(session, relation)
    temporary = exp.TemporaryProperty in given
    if _taken(session, tree, relation, "TABLE", temporary):
        return done(f"{relation[2]} already exists, statement succeeded.")
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
    inserted: list[int] = []

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        if select is None:
            assert layout is not None
            connection.execute(f"{word} {'TEMP ' if made else ''}TABLE {place} ({layout.definitions()})")
        else:
            assert layout is not None
            made_from = (
                f"{word} {'TEMP ' if made else ''}TABLE {place} AS {layout.select(connection, select)}"
            )
            inserted.append(execute_count(made_from)(connection))
            for statement in layout.after_select(place):
                connection.execute(statement)
        if layout is not None:
            for statement in layout.comments(place):
                connection.execute(statement)
        if made is None:
            catalog.forget_loads(connection, relation)

    if not _define(session, tree, relation, made, change):
        return done(f"{relation[2]} already exists, statement succeeded.")
    _keep_temporary(session, relation, made)
    known: Relation = ("temp", "main", made.name) if made else relation
    assert layout is not None
    catalog.describe(
        session.engine,
        known,
        layout.lengths,
        layout.zoned,
        layout.keys,
        comment(given),
        exp.TransientProperty in given,
    )
    result = done(f"Table {relation[2]} successfully created.")
    if tree.expression is not None:
        result.extra |= changed_rows(inserted=inserted[-1])
    return result


def _clone_layout(session: Session, clone: Expr) -> columns.Layout:
    source = session.translator.qualify(clone.this)
    if source not in session.temporary and session.engine.kind(source) != "TABLE":
        raise does_not_exist("Table", ".".join(source))
    return columns.Layout.of_relation(catalog.columns(session, source))


def _view(session: Session, tree: exp.Create) -> Result:
    given = options(tree, (exp.TemporaryProperty, exp.SchemaCommentProperty))
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    relation = session.translator.qualify(table)
    _need_schema(session, relation)
    temporary = exp.TemporaryProperty in given
    if _taken(session, tree, relation, "VIEW", temporary):
        return done(f"{relation[2]} already exists, statement succeeded.")
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
        return done(f"{relation[2]} already exists, statement succeeded.")
    _keep_temporary(session, relation, made)
    known: Relation = ("temp", "main", made.name) if made else relation
    kept = columns.Layout.of_query(tree.expression)
    catalog.describe(session.engine, known, kept.lengths, kept.zoned, kept.keys, comment(given))
    return done(f"View {relation[2]} successfully created.")
