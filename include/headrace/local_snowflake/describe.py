"""DESCRIBE, and how the types of columns are written in its answer and in that of SHOW COLUMNS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fakesnow import statement_type

from include.headrace.local_snowflake import catalog
from include.headrace.local_snowflake.errors import does_not_exist, refuse
from include.headrace.local_snowflake.names import split
from include.headrace.local_snowflake.names import table as table_name
from include.headrace.local_snowflake.values import TEXT_LENGTH, Result, headings, row_type, rows

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session


def json_type(column: catalog.Column) -> str:
    """A column's type as SHOW COLUMNS writes it: a JSON object with type, size and nullable."""
    info = row_type(column.name, column.kind, column.length)
    kind = (column.zoned or info["type"]).upper()
    nullable = str(column.nullable).lower()
    if kind == "FIXED":
        size = f'"precision":{info["precision"]},"scale":{info["scale"]}'
        return f'{{"type":"FIXED",{size},"nullable":{nullable}}}'
    if kind == "TEXT":
        return (
            f'{{"type":"TEXT","length":{info["length"]},"byteLength":{info["byteLength"]},"nullable":{nullable},'
            '"fixed":false}'
        )
    if kind.startswith("TIME"):
        return f'{{"type":"{kind}","precision":0,"scale":9,"nullable":{nullable}}}'
    return f'{{"type":"{kind}","nullable":{nullable}}}'


def sf_type(column: catalog.Column) -> str:
    """A column's type as DESCRIBE writes it, such as NUMBER(38,0) or VARCHAR(16777216)."""
    info = row_type(column.name, column.kind, column.length)
    kind = info["type"]
    if kind == "fixed":
        return f"NUMBER({info['precision']},{info['scale']})"
    if kind == "text":
        return f"VARCHAR({column.length or TEXT_LENGTH})"
    if kind == "real":
        return "FLOAT"
    if kind == "binary":
        return "BINARY(8388608)"
    if kind == "time":
        return "TIME(9)"
    if kind.startswith("timestamp"):
        return f"{column.zoned or kind.upper()}(9)"
    return kind.upper()


def describe(session: Session, statement: str) -> Result:
    """DESCRIBE TABLE | VIEW name, or DESCRIBE name; also of a table in another database."""
    found = re.match(r"desc(?:ribe)?\s+(table|view)\s+(.*)$", statement, re.IGNORECASE | re.DOTALL)
    if not found:
        raise refuse(f"do {statement[:40]!r}")
    parts, rest = split(found[2])
    if rest.strip() and not re.fullmatch(r"\s*type\s*=\s*columns\s*", rest, re.IGNORECASE):
        raise refuse(f"do DESCRIBE with {rest.strip()[:30]}")
    relation = session.translator.qualify(table_name(parts))
    described = catalog.columns(session, relation)
    if not described:
        raise does_not_exist("Table", ".".join(relation))
    columns = headings(
        "name",
        "type",
        "kind",
        "null?",
        "default",
        "primary key",
        "unique key",
        "check",
        "expression",
        "comment",
        "policy name",
    )
    shown = [
        [
            c.name,
            sf_type(c),
            "COLUMN",
            "Y" if c.nullable else "N",
            c.default,
            "Y" if c.key == "PRIMARY KEY" else "N",
            "Y" if c.key == "UNIQUE" else "N",
            None,
            None,
            c.comment,
            None,
        ]
        for c in described
    ]
    return rows(columns, shown, statement_type.DESCRIBE)
