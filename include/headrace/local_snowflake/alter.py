"""ALTER TABLE and ALTER VIEW, as far as the emulator truly does them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
from sqlglot import Expr, exp

from include.headrace.local_snowflake import catalog, columns, comments
from include.headrace.local_snowflake.ddl_options import done
from include.headrace.local_snowflake.errors import SqlError, already_exists, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.names import duck
from include.headrace.local_snowflake.values import Result

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session


def alter(session: Session, tree: exp.Alter) -> Result:
    """ALTER TABLE [IF EXISTS] ... with one kind of action."""
    tree = session.translator.prepare(tree)
    if str(tree.args.get("kind")).upper() not in ("TABLE", "VIEW"):
        raise refuse(f"do ALTER {tree.args.get('kind')}")
    relation = session.translator.qualify(tree.this)
    described = catalog.columns(session, relation)
    if not described:
        if tree.args.get("exists"):
            return done()
        raise does_not_exist("Table", ".".join(relation))
    for action in tree.args["actions"]:
        _action(session, relation, action, {c.name: c for c in described})
    return done()


def _action(session: Session, relation: Relation, action: Expr, known: dict[str, catalog.Column]) -> None:
    if isinstance(action, exp.ColumnDef):
        _add(session, relation, action, known)
    elif isinstance(action, exp.Drop) and str(action.args.get("kind")).upper() == "COLUMN":
        _drop(session, relation, action, known)
    elif isinstance(action, exp.RenameColumn):
        _rename_column(session, relation, action, known)
    elif isinstance(action, exp.AlterRename):
        _rename(session, relation, action.this)
    elif isinstance(action, exp.SwapTable):
        _swap(session, relation, action.this)
    elif isinstance(action, exp.AlterColumn):
        _alter_column(session, relation, action, known)
    else:
        raise refuse(f"do ALTER TABLE ... {action.sql(dialect='snowflake')}")


def _run(session: Session, relations: list[Relation], statements: list[str]) -> None:
    def change(connection: duckdb.DuckDBPyConnection) -> None:
        for statement in statements:
            connection.execute(statement)

    session.define(relations, change)


def _place(session: Session, relation: Relation) -> Relation:
    temporary = session.temporary.get(relation)
    return ("temp", "main", temporary.name) if temporary else relation


def _need(name: str, known: dict[str, catalog.Column]) -> catalog.Column:
    if name not in known:
        raise SqlError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
    return known[name]


def _add(
    session: Session, relation: Relation, action: exp.ColumnDef, known: dict[str, catalog.Column]
) -> None:
    layout = columns.Layout.read(session, exp.Schema(expressions=[action.copy()]))
    name = layout.order[0]
    if name in known:
        if action.args.get("exists"):
            return
        raise SqlError(1430, "42601", f"SQL compilation error:\ncolumn '{name}' already exists")
    place = session.place(relation)
    statements = [f"ALTER TABLE {place} ADD COLUMN {duck(name)} {layout.types[name]}"]
    if name in layout.defaults:
        statements[0] += f" DEFAULT {layout.defaults[name]}"
    if name in layout.required:
        statements.append(f"ALTER TABLE {place} ALTER COLUMN {duck(name)} SET NOT NULL")
    _run(session, [relation], statements + layout.comments(place))
    catalog.set_column(
        session.engine,
        _place(session, relation),
        name,
        layout.lengths.get(name),
        layout.zoned.get(name),
        layout.keys.get(name),
    )


def _drop(session: Session, relation: Relation, action: exp.Drop, known: dict[str, catalog.Column]) -> None:
    names = [c.name for c in action.args.get("tables") or []]
    if action.args.get("exists"):
        names = [n for n in names if n in known]
    for name in names:
        _need(name, known)
    _run(session, [relation], [f"ALTER TABLE {session.place(relation)} DROP COLUMN {duck(n)}" for n in names])
    for name in names:
        catalog.set_column(session.engine, _place(session, relation), name, None, None, None)


def _rename_column(
    session: Session, relation: Relation, action: exp.RenameColumn, known: dict[str, catalog.Column]
) -> None:
    old, new = action.this.name, action.args["to"].name
    column = _need(old, known)
    _run(
        session,
        [relation],
        [f"ALTER TABLE {session.place(relation)} RENAME COLUMN {duck(old)} TO {duck(new)}"],
    )
    place = _place(session, relation)
    catalog.set_column(session.engine, place, old, None, None, None)
    catalog.set_column(
        session.engine, _place(session, relation), new, column.length, column.zoned, column.key
    )


def _rename(session: Session, relation: Relation, to: exp.Table) -> None:
    target = session.translator.qualify(to)
    if target[:2] != relation[:2] or relation in session.temporary:
        raise refuse("rename a table into another schema, or a temporary one")
    if session.engine.kind(target) is not None:
        raise already_exists(".".join(target))
    kind = session.engine.kind(relation)
    history = duck(relation[0]) + "._fs_information_schema."

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"ALTER {kind} {duck(*relation)} RENAME TO {duck(target[2])}")
        for table in ("_fs_load_history", "_hr_load_files"):
            connection.execute(
                f"UPDATE {history}{table} SET table_name = ? WHERE schema_name = ? AND table_name = ?",
                [target[2], relation[1], relation[2]],
            )

    session.define([relation, target], change)
    catalog.rename(session.engine, relation, target)


def _swap(session: Session, relation: Relation, other: exp.Table) -> None:
    """SWAP WITH commits the open transaction, then exchanges two tables of one schema at once."""
    target = session.translator.qualify(other)
    if target[:2] != relation[:2]:
        raise refuse("swap tables of two schemas")
    if session.engine.kind(target) != "TABLE" or session.engine.kind(relation) != "TABLE":
        raise does_not_exist("Table", ".".join(target))
    middle = (relation[0], relation[1], f"{relation[2]}__SWAP")
    steps = [(relation, middle), (target, relation), (middle, target)]

    def change(connection: duckdb.DuckDBPyConnection) -> None:
        for old, new in steps:
            connection.execute(f"ALTER TABLE {duck(*old)} RENAME TO {duck(new[2])}")
            for table in ("_fs_load_history", "_hr_load_files"):
                connection.execute(
                    f"UPDATE {duck(old[0])}._fs_information_schema.{table} SET table_name = ? "
                    "WHERE schema_name = ? AND table_name = ?",
                    [new[2], old[1], old[2]],
                )

    session.define([relation, target], change)
    for old, new in steps:
        catalog.rename(session.engine, old, new)


def _alter_column(
    session: Session, relation: Relation, action: exp.AlterColumn, known: dict[str, catalog.Column]
) -> None:
    column = _need(action.name, known)
    place = session.place(relation)
    if action.args.get("comment") is not None:
        comments.set_column_comments(session, relation, {column.name: action.args["comment"].name})
    elif action.args.get("dtype") is not None:
        _retype(session, relation, column, action.args["dtype"])
    elif action.args.get("drop") and action.args.get("allow_null") is not None:
        _run(session, [relation], [f"ALTER TABLE {place} ALTER COLUMN {duck(column.name)} DROP NOT NULL"])
    elif action.args.get("allow_null") is False:
        _run(session, [relation], [f"ALTER TABLE {place} ALTER COLUMN {duck(column.name)} SET NOT NULL"])
    else:
        raise refuse(f"do ALTER TABLE ... {action.sql(dialect='snowflake')}")


def _decimal(kind: str) -> tuple[int, int] | None:
    if kind == "BIGINT":
        return 38, 0
    found = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    return (int(found[1]), int(found[2])) if found else None


def _retype(session: Session, relation: Relation, column: catalog.Column, dtype: exp.DataType) -> None:
    """Widen a VARCHAR or a NUMBER; Snowflake allows no other change of a type."""
    kind, length, zoned = columns.data_type(session, dtype)
    refused = SqlError(
        40052,
        "22000",
        f"SQL compilation error:\ncannot change column {column.name} from type {column.kind} to "
        f"{dtype.sql(dialect='snowflake')}",
    )
    place = _place(session, relation)
    if kind == "VARCHAR" and column.kind == "VARCHAR":
        if length is not None and (column.length is None or length < column.length):
            raise refused
        session.commit()
        catalog.set_column(session.engine, place, column.name, length, None, column.key)
        return
    old, new = _decimal(column.kind), _decimal(kind)
    if old is None or new is None or old[1] != new[1]:
        if kind == column.kind and zoned == column.zoned:
            return
        raise refused
    if kind != column.kind:
        _run(
            session,
            [relation],
            [f"ALTER TABLE {session.place(relation)} ALTER COLUMN {duck(column.name)} TYPE {kind}"],
        )
