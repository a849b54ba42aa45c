"""Expressions that fakesnow or DuckDB would answer otherwise than Snowflake, written so that they agree."""

from __future__ import annotations

import re

from sqlglot import Expr, exp

from include.headrace.local_snowflake import json_text
from include.headrace.local_snowflake.errors import marked, refuse

TO_CHAR = """
create or replace macro _fs_global.main.headrace_to_char
    (d DATE, form) as strftime(d, form),
    (d TIMESTAMP, form) as strftime(d, form),
    (d TIMESTAMPTZ, form) as strftime(d, form)
"""
"""TO_CHAR with a format, of dates and times only; DuckDB finds the type, and any other is an error."""
DATE_TRUNC = """
create or replace macro _fs_global.main.headrace_date_trunc
    (part, d DATE) as cast(date_trunc(part, d) as DATE),
    (part, d TIMESTAMP) as date_trunc(part, d),
    (part, d TIMESTAMPTZ) as date_trunc(part, d)
"""
"""DATE_TRUNC gives the type it is given (Snowflake's documentation); DuckDB makes a timestamp of a date."""

COUNTED = """
create or replace macro _fs_global.main.headrace_counted(x) as
    case when typeof(x) = 'JSON' and cast(x as varchar) = 'null' then null else x end
"""
"""What COUNT counts: it treats JSON's null in a VARIANT as NULL (Snowflake's documentation, "COUNT")."""

_TEXT = (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT)
_AGGREGATES = (
    exp.Sum,
    exp.Avg,
    exp.Variance,
    exp.VariancePop,
    exp.Stddev,
    exp.StddevPop,
    exp.StddevSamp,
    exp.Median,
)
_AGGREGATE_NAMES: dict[type[Expr], str] = {
    exp.Sum: "SUM",
    exp.Avg: "AVG",
    exp.Variance: "VAR_SAMP",
    exp.VariancePop: "VAR_POP",
    exp.Stddev: "STDDEV_SAMP",
    exp.StddevPop: "STDDEV_POP",
    exp.StddevSamp: "STDDEV_SAMP",
    exp.Median: "MEDIAN",
}
_FORMATS = {
    "YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MON": "%b", "MM": "%m", "DD": "%d", "DY": "%a",
    "HH24": "%H", "HH12": "%I", "AM": "%p", "PM": "%p", "MI": "%M", "SS": "%S",
}  # fmt: skip
_FORMAT = re.compile("|".join(_FORMATS), re.IGNORECASE)
_STRFTIME = re.compile("%[" + "".join(f[1] for f in _FORMATS.values()) + "]")


def rewrite(node: Expr) -> Expr | None:
    """What stands for ``node``, or None to leave it. Raises a refusal for what cannot be made to agree."""
    if isinstance(node, _AGGREGATES):
        # fakesnow casts the argument to DOUBLE; sums of numbers must stay numbers.
        return exp.Anonymous(this=_AGGREGATE_NAMES[type(node)], expressions=[node.this])
    if isinstance(node, exp.Cast) and not node.args.get("_headrace") and node.to.this in _TEXT:
        return _truncating_cast(node)
    if isinstance(node, exp.Cast) and node.to.this is exp.DataType.Type.VARIANT:
        return exp.Anonymous(this="to_json", expressions=[node.this])
    if isinstance(node, exp.Div) and not node.args.get("_headrace"):
        return _checked_division(node)
    if isinstance(node, exp.ParseJSON):
        return _parse_json(node)
    if isinstance(node, exp.Count) and isinstance(node.this, (exp.Column, exp.JSONExtract)):
        return exp.Count(this=exp.Anonymous(this="headrace_counted", expressions=[node.this]))
    if isinstance(node, exp.Trim):
        return _trim(node)
    if isinstance(node, (exp.DateTrunc, exp.TimestampTrunc)):
        return _date_trunc(node)
    if isinstance(node, exp.ToChar) and node.args.get("format"):
        return _formatted(node)
    if isinstance(node, exp.TimeToStr) and '"' in node.args["format"].name:
        raise refuse(f"have quoted text in {node.sql(dialect='snowflake')}")
    if isinstance(node, exp.Typeof):
        raise refuse("have TYPEOF")
    return None


def _trim(node: exp.Trim) -> Expr:
    """LTRIM, RTRIM and TRIM; fakesnow leaves out the side and the characters."""
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or ""), "trim")
    values = [node.this, node.expression] if node.expression else [node.this]
    return exp.Anonymous(this=name, expressions=[exp.cast(v, "VARCHAR", dialect="duckdb") for v in values])


def _date_trunc(node: exp.DateTrunc | exp.TimestampTrunc) -> Expr:
    unit = node.args.get("unit")
    if not isinstance(unit, (exp.Var, exp.Literal)):
        raise refuse(f"do {node.sql(dialect='snowflake')}")
    return exp.Anonymous(
        this="headrace_date_trunc", expressions=[exp.Literal.string(unit.name.lower()), node.this]
    )


def _formatted(node: exp.ToChar) -> Expr:
    """TO_CHAR of a date or time with a format; fakesnow loses it when it does not see the type."""
    given = node.args["format"].name if isinstance(node.args["format"], exp.Literal) else "?"
    # What stands between double quotes is text, every second part of these.
    parts = given.split('"')
    if len(parts) % 2 == 0:
        raise refuse(f"do {node.sql(dialect='snowflake')}, whose quoted text does not end")
    # The parser writes DuckDB's format where it sees a date or time, and else leaves Snowflake's.
    parsed = "%" in given
    if not parsed:
        parts[::2] = [_FORMAT.sub(lambda found: _FORMATS[found[0].upper()], part) for part in parts[::2]]
    left = _STRFTIME.sub("", "".join(parts[::2]))
    unclear = parsed and "%" in "".join(parts[1::2])
    form = "".join(parts)
    if "%" not in form or unclear or re.search("[A-Za-z0-9]", left):
        raise refuse(f"do {node.sql(dialect='snowflake')}; of formats only those of dates and whole seconds")
    return exp.Anonymous(this="headrace_to_char", expressions=[node.this, exp.Literal.string(form)])


def error_call(errno: int, sqlstate: str, message: str) -> Expr:
    """DuckDB's ``error()`` with a message that becomes a Snowflake error."""
    return exp.Anonymous(this="error", expressions=[exp.Literal.string(marked(errno, sqlstate, message))])


def checked_length(value: Expr, length: int, column: str) -> Expr:
    """``value``, or Snowflake's 100078 when it has more than ``length`` characters."""
    return exp.Case(
        ifs=[
            exp.If(
                this=exp.GT(
                    this=exp.Anonymous(
                        this="length", expressions=[exp.cast(value.copy(), "VARCHAR", dialect="duckdb")]
                    ),
                    expression=exp.Literal.number(length),
                ),
                true=error_call(
                    100078,
                    "22000",
                    f"String is too long and would be truncated: column {column} VARCHAR({length})",
                ),
            )
        ],
        default=value,
    )


def _truncating_cast(node: exp.Cast) -> Expr:
    size = node.to.find(exp.DataTypeParam)
    if size is None or isinstance(node, exp.TryCast):
        return node
    plain = node.copy()
    plain.set("to", exp.DataType(this=exp.DataType.Type.VARCHAR))
    plain.set("_headrace", True)
    return exp.Anonymous(this="left", expressions=[plain, size.this.copy()])


def _checked_division(node: exp.Div) -> Expr:
    divisor = node.expression
    node.set("_headrace", True)
    if isinstance(divisor, exp.Literal) and divisor.this.strip("0.") != "":
        return node
    return exp.Paren(
        this=exp.Case(
            ifs=[
                exp.If(
                    this=exp.EQ(this=exp.Paren(this=divisor.copy()), expression=exp.Literal.number(0)),
                    true=error_call(100051, "22012", "Division by zero"),
                )
            ],
            default=node.copy(),
        )
    )


def _parse_json(node: exp.ParseJSON) -> Expr:
    """PARSE_JSON and TRY_PARSE_JSON, with Snowflake's rules on the text. Raises a refusal for a parameter."""
    if node.expression:
        raise refuse("take parameters in PARSE_JSON")
    name = json_text.TRY if node.args.get("safe") else json_text.CHECK
    text = exp.Cast(this=node.this, to=exp.DataType.build("VARCHAR", dialect="duckdb"), _headrace=True)
    # A cast keeps the text as it is, where DuckDB's function json() would round numbers.
    return exp.Cast(
        this=exp.Anonymous(this=name, expressions=[text]),
        to=exp.DataType.build("JSON", dialect="duckdb"),
        _headrace=True,
    )
