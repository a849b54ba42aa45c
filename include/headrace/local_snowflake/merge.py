"""MERGE: DuckDB's own, with Snowflake's counts and its error for duplicate matches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import duckdb
from fakesnow import statement_type
from sqlglot import exp

from include.headrace.local_snowflake import dml
from include.headrace.local_snowflake.errors import SqlError, refuse
from include.headrace.local_snowflake.locks import Mode
from include.headrace.local_snowflake.values import Result

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

_ACTIONS = (("INSERT", "inserted"), ("UPDATE", "updated"), ("DELETE", "deleted"))


def merge(session: Session, tree: exp.Merge) -> Result:
    """MERGE INTO ... USING ... ON ... WHEN ...; raises 100090 when two source rows change one target row."""
    if session.parameters.value("ERROR_ON_NONDETERMINISTIC_MERGE") != "true":
        raise refuse("do MERGE with ERROR_ON_NONDETERMINISTIC_MERGE = FALSE")
    tree = session.translator.prepare(tree)
    _, relation = dml.target_of(session, tree)
    present: set[str] = set()
    for when in tree.args["whens"].expressions:
        then = when.args["then"]
        kind = "DELETE" if isinstance(then, exp.Var) else then.key.upper()
        if kind not in dict(_ACTIONS) or when.args.get("source"):
            raise refuse(f"do MERGE with {when.sql(dialect='snowflake')}")
        present.add(kind)
        if isinstance(then, exp.Update):
            dml.check_lengths(session, relation, then.expressions)
        elif isinstance(then, exp.Insert):
            dml.check_insert_lengths(session, relation, then)
    reads = session.translator.resolve(tree)
    sql = session.translator.finish(tree) + " RETURNING merge_action"
    counts: dict[str, int] = {}

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        counts.clear()
        try:
            found = connection.execute(sql).fetchall()
        except duckdb.InvalidInputException as error:
            if "MERGE" in str(error) or "multiple" in str(error):
                raise SqlError(100090, "42P18", "Duplicate row detected during DML action") from error
            raise
        counts.update(Counter(action for (action,) in found))
        return len(found)

    session.write(relation, Mode.CHANGE, reads | {relation}, write)
    shown = [(f"number of rows {word}", counts.get(kind, 0)) for kind, word in _ACTIONS if kind in present]
    return dml.dml_result(shown, statement_type.MERGE)
