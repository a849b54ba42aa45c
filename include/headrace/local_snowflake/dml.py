"""INSERT, UPDATE, DELETE, TRUNCATE: one write each, under the table's lock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from fakesnow import statement_type
from sqlglot import Expr, exp

from include.headrace.local_snowflake import catalog
from include.headrace.local_snowflake.errors import SqlError, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Mode, Relation
from include.headrace.local_snowflake.names import duck
from include.headrace.local_snowflake.rewrites import checked_length
from include.headrace.local_snowflake.transactions import Write
from include.headrace.local_snowflake.values import Result, bound, rows, status

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session


def target_of(session: Session, tree: Expr) -> tuple[exp.Table, Relation]:
    """The table that a DML statement changes, and its full name. Raises 002003 when it is not there."""
    node = tree.this
    if isinstance(node, exp.Schema):
        node = node.this
    if not isinstance(node, exp.Table):
        raise refuse(f"change {type(node).__name__}")
    relation = session.translator.qualify(node)
    if relation not in session.temporary and session.engine.kind(relation) != "TABLE":
        raise does_not_exist("Table", ".".join(relation))
    return node, relation


def execute_count(sql: str) -> Write:
    """A write that runs ``sql`` and returns DuckDB's count of rows."""

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        row = connection.execute(sql).fetchone()
        return int(row[0]) if row else 0

    return write


def insert(session: Session, tree: exp.Insert) -> Result:
    """INSERT [OVERWRITE] INTO ... VALUES | SELECT."""
    tree = session.translator.prepare(tree)
    _, relation = target_of(session, tree)
    overwrite = bool(tree.args.get("overwrite"))
    columns = [c.name for c in tree.this.expressions] if isinstance(tree.this, exp.Schema) else None
    for option in ("by_name", "exists", "partition", "conflict", "returning", "where", "alternative"):
        if tree.args.get(option):
            raise refuse(f"do INSERT with {option.upper()}")
    source = tree.expression
    reads = session.translator.resolve(tree)
    select = session.translator.finish(source)
    if not isinstance(source, exp.Values):
        reads = reads - {relation} if not _names(source, relation, session) else reads
    else:
        reads = reads - {relation}
    sql = insert_sql(session, relation, columns, select)
    place = session.place(relation)

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        if overwrite:
            connection.execute(f"DELETE FROM {place}")
        return execute_count(sql)(connection)

    count = session.write(relation, Mode.CHANGE if overwrite else Mode.APPEND, reads, write)
    return dml_result([("number of rows inserted", count)], statement_type.INSERT)


def _names(source: Expr, relation: Relation, session: Session) -> bool:
    return any(
        isinstance(t.this, exp.Identifier) and (t.catalog, t.db, t.name) == relation
        for t in source.find_all(exp.Table)
    )


def insert_sql(session: Session, relation: Relation, columns: list[str] | None, select: str) -> str:
    """DuckDB's INSERT, with the lengths of VARCHAR columns enforced."""
    place = session.place(relation)
    described = catalog.columns(session, relation)
    names = columns if columns is not None else [c.name for c in described]
    known = {c.name: c for c in described}
    missing = [n for n in names if n not in known]
    if missing:
        raise SqlError(904, "42000", f"SQL compilation error:\ninvalid identifier '{missing[0]}'")
    listed = ", ".join(duck(n) for n in names)
    limited = [n for n in names if known[n].length or known[n].kind == "JSON"]
    if not limited:
        return f"INSERT INTO {place} ({listed}) {select}"
    inner = [f"c{i}" for i in range(len(names))]
    outer = [_checked(known[n], i) for n, i in zip(names, inner, strict=True)]
    return (
        f"INSERT INTO {place} ({listed}) SELECT {', '.join(outer)} FROM ({select}) AS q({', '.join(inner)})"
    )


def _checked(column: catalog.Column, inner: str) -> str:
    if column.length:
        return checked_length(exp.column(inner), column.length, column.name).sql(dialect="duckdb")
    return inner


def insert_batch(session: Session, tree: exp.Insert, batch: list[list[Any]]) -> Result:
    """INSERT ... VALUES (?, ...) with an array of values for each place; ``batch`` is a list of columns."""
    tree = session.translator.prepare(tree)
    _, relation = target_of(session, tree)
    if not isinstance(tree.expression, exp.Values) or len(tree.expression.expressions) != 1:
        raise refuse("bind arrays to anything but INSERT ... VALUES (?, ...)")
    columns = [c.name for c in tree.this.expressions] if isinstance(tree.this, exp.Schema) else None
    places = list(tree.expression.find_all(exp.Placeholder, bfs=False))
    for index, place in enumerate(places):
        place.replace(exp.column(exp.to_identifier(f"p{index}", quoted=True)))
    session.translator.resolve(tree)
    values = tree.expression.expressions[0].expressions
    select = exp.select(*[v.copy() for v in values])
    select_sql = session.translator.finish(select) + " FROM headrace_batch"
    sql = insert_sql(session, relation, columns, select_sql)
    kinds = {c.name: c.kind for c in catalog.columns(session, relation)}
    for value, name in zip(values, columns if columns is not None else kinds, strict=False):
        if isinstance(value, exp.Column) and name in kinds:
            place_number = int(value.name[1:])
            batch[place_number] = [_moment(v, kinds[name]) for v in batch[place_number]]
    table = pa.table({f"p{i}": pa.array(column) for i, column in enumerate(batch)})

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        connection.register("headrace_batch", table)
        return execute_count(sql)(connection)

    count = session.write(relation, Mode.APPEND, set(), write)
    return dml_result([("number of rows inserted", count)], statement_type.INSERT)


def _moment(value: Any, kind: str) -> Any:
    """A time that the connector sent as text of an integer, as it does when some values of a column are
    NULL."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{5,}", value):
        return value
    wire = {
        "DATE": "DATE",
        "TIME": "TIME",
        "TIMESTAMP": "TIMESTAMP_NTZ",
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ",
    }
    return bound({"type": wire[kind], "value": value}) if kind in wire else value


def update(session: Session, tree: exp.Update) -> Result:
    """UPDATE ... SET ... [FROM ...] [WHERE ...]."""
    tree = session.translator.prepare(tree)
    node, relation = target_of(session, tree)
    check_lengths(session, relation, tree.expressions)
    ambiguous = None
    reads = session.translator.resolve(tree)
    if tree.args.get("from_") and session.parameters.value("ERROR_ON_NONDETERMINISTIC_UPDATE") == "true":
        ambiguous = _ambiguity_sql(session, tree, node)
    sql = session.translator.finish(tree)

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        if ambiguous and connection.execute(ambiguous).fetchone():
            raise SqlError(100090, "42P18", "Duplicate row detected during DML action")
        return execute_count(sql)(connection)

    count = session.write(relation, Mode.CHANGE, reads | {relation}, write)
    return dml_result(
        [("number of rows updated", count), ("number of multi-joined rows updated", 0)], statement_type.UPDATE
    )


def check_lengths(session: Session, relation: Relation, assignments: list[Expr]) -> None:
    """Enforce VARCHAR lengths in ``SET column = value`` expressions, in place."""
    known = {c.name: c for c in catalog.columns(session, relation)}
    for assignment in assignments:
        column = known.get(assignment.this.name) if isinstance(assignment, exp.EQ) else None
        if column is not None and column.length:
            assignment.set(
                "expression", checked_length(assignment.expression.copy(), column.length, column.name)
            )


def check_insert_lengths(session: Session, relation: Relation, then: exp.Insert) -> None:
    """Enforce VARCHAR lengths in the INSERT of a MERGE, in place."""
    described = catalog.columns(session, relation)
    known = {c.name: c for c in described}
    columns = (
        [c.name for c in then.this.expressions] if then.this is not None else [c.name for c in described]
    )
    if not isinstance(then.expression, exp.Tuple):
        return
    for name, value in zip(columns, list(then.expression.expressions), strict=False):
        column = known.get(name)
        if column is not None and column.length:
            value.replace(checked_length(value.copy(), column.length, name))


def _ambiguity_sql(session: Session, tree: exp.Update, node: exp.Table) -> str:
    alias = node.alias or node.name
    rowid = exp.column("rowid", table=exp.to_identifier(alias, quoted=True))
    target = node.copy()
    if not target.alias:
        target.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    select = exp.select(exp.Literal.number(1)).from_(target)
    origin = tree.args["from_"].copy()
    select = select.join(origin.this, join_type="cross")
    if tree.args.get("where"):
        select = select.where(tree.args["where"].this.copy())
    select = select.group_by(rowid.copy()).having(
        exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))
    )
    return session.translator.finish(select) + " LIMIT 1"


def delete(session: Session, tree: exp.Delete) -> Result:
    """DELETE FROM ... [USING ...] [WHERE ...]."""
    tree = session.translator.prepare(tree)
    _, relation = target_of(session, tree)
    reads = session.translator.resolve(tree)
    count = session.write(
        relation, Mode.CHANGE, reads | {relation}, execute_count(session.translator.finish(tree))
    )
    return dml_result([("number of rows deleted", count)], statement_type.DELETE)


def truncate(session: Session, tree: exp.TruncateTable) -> Result:
    """TRUNCATE: DML here as in Snowflake, and it forgets which files were loaded."""
    tree = session.translator.prepare(tree)
    table = tree.expressions[0]
    relation = session.translator.qualify(table)
    if relation not in session.temporary and session.engine.kind(relation) != "TABLE":
        if tree.args.get("exists"):
            return status("Statement executed successfully.", statement_type.DDL)
        raise does_not_exist("Table", ".".join(relation))
    place = session.place(relation)

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        connection.execute(f"DELETE FROM {place}")
        catalog.forget_loads(connection, relation)
        return 0

    session.write(relation, Mode.CHANGE, {relation}, write)
    return status("Statement executed successfully.", statement_type.DDL)


def dml_result(counts: list[tuple[str, int]], type_id: int) -> Result:
    """The one-row result of counts; the connector adds them up for ``rowcount``."""
    result = rows([(name, "BIGINT") for name, _ in counts], [[count for _, count in counts]], type_id)
    result.rowcount = sum(count for _, count in counts)
    changed = {name.removeprefix("number of rows "): count for name, count in counts}
    result.extra |= changed_rows(
        **{kind: changed.get(kind, 0) for kind in ("inserted", "updated", "deleted")}
    )
    return result


def changed_rows(inserted: int = 0, updated: int = 0, deleted: int = 0) -> dict[str, Any]:
    """What a reply tells of the rows that a statement changed, beside its result (the cursor's ``stats``)."""
    return {
        "stats": {
            "numRowsInserted": inserted,
            "numRowsUpdated": updated,
            "numRowsDeleted": deleted,
            "numDmlDuplicates": 0,
        }
    }
