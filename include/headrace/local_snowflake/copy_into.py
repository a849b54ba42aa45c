"""COPY INTO a table from Parquet files of an internal stage, in one transaction, with Snowflake's load
history."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from fakesnow import statement_type
from sqlglot import Expr, exp

from include.headrace.local_snowflake import catalog, dml, stage
from include.headrace.local_snowflake.copy_options import CopyOptions, read_options
from include.headrace.local_snowflake.errors import SqlError, does_not_exist, refuse
from include.headrace.local_snowflake.locks import Mode, Relation
from include.headrace.local_snowflake.names import duck, split, text
from include.headrace.local_snowflake.names import table as table_name
from include.headrace.local_snowflake.values import Result, rows, status

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

_HEAD = re.compile(r"^\s*copy\s+into\s+", re.IGNORECASE)
_RESULT = [
    ("file", "VARCHAR"),
    ("status", "VARCHAR"),
    ("rows_parsed", "BIGINT"),
    ("rows_loaded", "BIGINT"),
    ("error_limit", "BIGINT"),
    ("errors_seen", "BIGINT"),
    ("first_error", "VARCHAR"),
    ("first_error_line", "BIGINT"),
    ("first_error_character", "BIGINT"),
    ("first_error_column_name", "VARCHAR"),
]


@dataclass
class Copy:
    """A parsed COPY INTO: target, its columns, the files' stage, the SELECT if there is one, and the
    options."""

    target: Relation
    columns: list[str] | None
    location: stage.Location
    select: exp.Select | None
    options: CopyOptions


@dataclass
class _Outcome:
    file: str
    shown: str
    md5: str
    loaded: int = 0
    skipped: bool = False
    row: list[Any] = field(default_factory=list)


def parse_copy(session: Session, statement: str) -> Copy:
    """Read a COPY INTO statement. Raises SqlError for a syntax error, a refusal for what is not done."""
    head = _HEAD.match(statement)
    assert head is not None
    rest = statement[head.end() :]
    if rest.lstrip().startswith(("@", "'")):
        raise refuse("unload (COPY INTO a stage)")
    parts, rest = split(rest)
    table = table_name(parts)
    target = session.translator.qualify(table)
    columns = None
    if rest.lstrip().startswith("("):
        inside, rest = _parenthesised(rest)
        columns = [_one_name(c) for c in inside.split(",")]
    found = re.match(r"\s*from\b", rest, re.IGNORECASE)
    if not found:
        raise SqlError(1003, "42000", "SQL compilation error:\nCOPY INTO needs FROM @stage/path/")
    rest = rest[found.end() :]
    select = None
    if rest.lstrip().startswith("("):
        inside, rest = _parenthesised(rest)
        select, location = _select(session, inside)
    else:
        location, rest = stage.locate(session, rest)
    return Copy(target, columns, location, select, read_options(rest))


def _one_name(text_: str) -> str:
    parts, rest = split(text_)
    if len(parts) != 1 or rest.strip():
        raise SqlError(1003, "42000", f"SQL compilation error:\nsyntax error at '{text_}'")
    return parts[0]


def _parenthesised(text_: str) -> tuple[str, str]:
    """Split ``(inside) rest``, minding nested parentheses, strings and quoted names."""
    text_ = text_.lstrip()
    depth, quote = 0, ""
    for position, character in enumerate(text_):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return text_[1:position], text_[position + 1 :]
    raise SqlError(1003, "42000", "SQL compilation error:\nunbalanced parentheses in COPY INTO")


def _select(session: Session, inside: str) -> tuple[exp.Select, stage.Location]:
    at = _from_position(inside)
    location, rest = stage.locate(session, inside[at:])
    alias = re.fullmatch(r"\s*(?:as\s+)?([A-Za-z_]\w*)?\s*", rest, re.IGNORECASE)
    if not alias:
        raise refuse(f"do COPY with {rest.strip()[:40]} after the stage; only a plain SELECT of the stage")
    name = alias[1] or "staged"
    tree = sqlglot.parse_one(f"{inside[:at]} staged AS {name}", read="snowflake")
    if not isinstance(tree, exp.Select):
        raise refuse("do COPY from anything but a SELECT")
    for clause in ("where", "joins", "group", "having", "qualify", "order", "limit", "distinct", "with_"):
        if tree.args.get(clause):
            raise SqlError(
                2, "0A000", f"SQL compilation error:\nCOPY statement only supports simple SELECT ({clause})"
            )
    return tree, location


def _from_position(inside: str) -> int:
    found = list(re.finditer(r"\bfrom\s+(?=['@])", inside, re.IGNORECASE))
    if len(found) != 1:
        raise SqlError(1003, "42000", "SQL compilation error:\nCOPY's SELECT needs one FROM @stage/path/")
    return found[0].end()


def copy_into(session: Session, statement: str) -> Result:
    """Run a COPY INTO: a row a file with its status and counts. All files are loaded, or none.

    Raises 091016 for a file named in FILES that is not staged, 100038 for a value that does not convert,
    100080 for a file that is not Parquet.
    """
    copy = parse_copy(session, statement)
    described = {c.name: c for c in catalog.columns(session, copy.target)}
    if not described:
        raise does_not_exist("Table", ".".join(copy.target))
    names = copy.columns if copy.columns is not None else list(described)
    for name in names:
        if name not in described:
            raise SqlError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
    files = _files(copy)
    if not files:
        return status("Copy executed with 0 files processed.", statement_type.COPY)
    outcomes = [_Outcome(f, copy.location.shown(f), stage.digest(copy.location.folder / f)) for f in files]
    selects = {o.file: _file_select(session, copy, o.file, names, described) for o in outcomes}

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        for outcome in outcomes:
            _load(session, connection, copy, outcome, names, selects[outcome.file])
        return sum(o.loaded for o in outcomes)

    session.write(copy.target, Mode.APPEND, set(), write)
    if copy.options.purge:
        for outcome in outcomes:
            if not outcome.skipped:
                (copy.location.folder / outcome.file).unlink(missing_ok=True)
    shown = [_shown(o) for o in outcomes if not o.skipped or copy.options.files]
    if not shown:
        return status("Copy executed with 0 files processed.", statement_type.COPY)
    return rows(_RESULT, shown, statement_type.COPY)


def _shown(outcome: _Outcome) -> list[Any]:
    if outcome.skipped:
        return [outcome.shown, "LOAD_SKIPPED", 0, 0, 1, 1, "File was loaded before.", None, None, None]
    return [outcome.shown, "LOADED", outcome.loaded, outcome.loaded, 1, 0, None, None, None, None]


def _files(copy: Copy) -> list[str]:
    if not copy.options.files:
        return copy.location.files()
    found = []
    for name in copy.options.files:
        file = copy.location.path + name
        if not (copy.location.folder / file).is_file():
            raise SqlError(
                91016,
                "22000",
                f"Remote file '{copy.location.shown(file)}' was not found. There are several "
                "potential causes. The file might not exist.",
            )
        found.append(file)
    return found


def _load(
    session: Session,
    connection: duckdb.DuckDBPyConnection,
    copy: Copy,
    outcome: _Outcome,
    names: list[str],
    select: str,
) -> None:
    history = duck(copy.target[0]) + "._fs_information_schema."
    table = [copy.target[1], copy.target[2]]
    temporary = copy.target in session.temporary
    if not copy.options.force and not temporary:
        before = connection.execute(
            f"SELECT 1 FROM {history}_hr_load_files WHERE schema_name = ? AND table_name = ? AND "
            "file_name = ? "
            "AND md5 = ?",
            [*table, ".".join(copy.location.stage) + "/" + outcome.file, outcome.md5],
        ).fetchone()
        if before:
            outcome.skipped, outcome.loaded = True, 0
            return
    try:
        outcome.loaded = dml.execute_count(dml.insert_sql(session, copy.target, names, select))(connection)
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        if "headrace:" in str(error):
            raise
        raise SqlError(
            100080, "22000", f"Error parsing the Parquet file '{outcome.shown}': {str(error).splitlines()[0]}"
        ) from error
    if temporary:
        return
    connection.execute(
        f"INSERT INTO {history}_hr_load_files VALUES (?, ?, ?, ?)",
        [*table, ".".join(copy.location.stage) + "/" + outcome.file, outcome.md5],
    )
    connection.execute(
        f"INSERT INTO {history}_fs_load_history VALUES (?, ?, ?, ?, 'LOADED', ?, ?, NULL, NULL, NULL, "
        "NULL, 0, 1)",
        [copy.target[1], outcome.shown, copy.target[2], datetime.now(UTC), outcome.loaded, outcome.loaded],
    )


def _file_select(
    session: Session, copy: Copy, file: str, names: list[str], described: dict[str, catalog.Column]
) -> str:
    """DuckDB's SELECT over one file, its columns in the order of ``names``."""
    place = copy.location.folder / file
    schema = _schema(session, place, copy.location.shown(file))
    if copy.select is None:
        return _matched(copy, place, schema, names, described)
    tree = copy.select.copy()
    items = []
    for item in tree.expressions:
        value = item.this if isinstance(item, exp.Alias) else item
        items.append(_item(value.copy(), schema, file))
    if len(items) != len(names):
        raise SqlError(
            2020,
            "21S01",
            f"SQL compilation error:\nInsert value list does not match column list expecting "
            f"{len(names)} but got {len(items)}",
        )
    parts = []
    for item, name in zip(items, names, strict=True):
        prepared = session.translator.prepare(exp.select(item)).expressions[0]
        sql = session.translator.finish(prepared)
        kind = described[name].kind
        if kind == "JSON" and not _is_variant(item):
            sql = f"to_json({sql})"
        parts.append(f"CAST({sql} AS {kind})" if kind != "JSON" else sql)
    return f"SELECT {', '.join(parts)} FROM {_reader(place, schema, copy.options)}"


def _is_variant(item: Expr) -> bool:
    return isinstance(item, (exp.ParseJSON, exp.ToVariant, exp.Null)) or (
        isinstance(item, exp.Anonymous)
        and str(item.this).upper() in ("TO_VARIANT", "TRY_PARSE_JSON", "OBJECT_CONSTRUCT")
    )


def _item(item: Expr, schema: dict[str, str], file: str) -> Expr:
    """Put the file's columns in place of ``$1:"name"``; one that the file lacks is NULL, as in Snowflake."""

    def replace(node: Expr) -> Expr:
        if isinstance(node, (exp.JSONExtract, exp.JSONExtractScalar)) and isinstance(
            node.this, exp.Parameter
        ):
            keys = [k for k in node.expression.expressions if isinstance(k, exp.JSONPathKey)]
            if node.this.name != "1" or len(keys) != 1 or len(node.expression.expressions) != 2:
                raise refuse(f'read {node.sql(dialect="snowflake")} in COPY; only $1:"column"')
            name = str(keys[0].this)
            if name not in schema:
                return exp.Null()
            return exp.column(exp.to_identifier(f"f:{name}", quoted=True))
        if isinstance(node, exp.Parameter):
            raise refuse('read $1 whole in COPY; select its columns, $1:"column"')
        if isinstance(node, exp.Column) and node.name.upper().startswith("METADATA$"):
            name = node.name.upper()
            if name == "METADATA$FILENAME":
                return exp.Literal.string(file)
            if name == "METADATA$FILE_ROW_NUMBER":
                return exp.column(exp.to_identifier("m:row", quoted=True))
            raise refuse(f"have {name}")
        return node

    return item.transform(replace)


def _schema(session: Session, place: Path, shown: str) -> dict[str, str]:
    try:
        found = (
            session.duck.cursor()
            .execute("DESCRIBE SELECT * FROM read_parquet(?)", [_literal(place)])
            .fetchall()
        )
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        raise SqlError(
            100080, "22000", f"Error parsing the Parquet file '{shown}': {str(error).splitlines()[0]}"
        ) from error
    return {row[0]: row[1] for row in found}


def _literal(place: Path) -> str:
    return re.sub(r"([*?\[])", r"[\1]", str(place))


def _reader(place: Path, schema: dict[str, str], options: CopyOptions) -> str:
    items = []
    for name, kind in schema.items():
        value = duck(name)
        if kind == "BLOB" and options.binary_as_text:
            raise refuse(f"read the binary column {name} as text; say BINARY_AS_TEXT = FALSE")
        if kind.startswith("TIMESTAMP") and not options.use_logical_type:
            raise refuse(f"read the timestamp column {name} without its type; say USE_LOGICAL_TYPE = TRUE")
        if kind == "VARCHAR":
            for null in options.null_if:
                value = f"nullif({value}, {text(null)})"
        if kind == "TIME_NS":
            # By way of text, which is cut: a cast would round up, to 24:00:00 at the day's end.
            value = f"CAST(CAST({value} AS VARCHAR) AS TIME)"
        items.append(f"{value} AS {duck('f:' + name)}")
    items.append('file_row_number + 1 AS "m:row"')
    reader = f"read_parquet({text(_literal(place))}, file_row_number = true)"
    return f"(SELECT {', '.join(items)} FROM {reader}) AS staged"


def _matched(
    copy: Copy, place: Path, schema: dict[str, str], names: list[str], described: dict[str, catalog.Column]
) -> str:
    """MATCH_BY_COLUMN_NAME: columns of the file by name; those it lacks are NULL, those too many are
    dropped."""
    mode = copy.options.match_by_column_name
    if mode == "NONE":
        raise SqlError(
            2019,
            "0A000",
            "SQL compilation error:\nPARQUET file format can produce one and only one column "
            "of type "
            "variant, object, or array. Load data into separate columns using the "
            "MATCH_BY_COLUMN_NAME copy option "
            "or copy with transformation.",
        )
    by_name = {(n if mode == "CASE_SENSITIVE" else n.upper()): n for n in schema}
    parts = []
    for name in names:
        source = by_name.get(name if mode == "CASE_SENSITIVE" else name.upper())
        value = "NULL" if source is None else duck("f:" + source)
        if described[name].kind == "JSON":
            value = f"to_json({value})" if source is not None else "NULL"
        parts.append(f"CAST({value} AS {described[name].kind})")
    return f"SELECT {', '.join(parts)} FROM {_reader(place, schema, copy.options)}"
