"""The options of COPY INTO: those that are truly done, with Snowflake's defaults; every other is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from include.headrace.local_snowflake.errors import SqlError, bad_value, refuse

_TOKEN = re.compile(r"\s*('(?:[^'\\]|''|\\.)*'|[A-Za-z_][\w$]*|\d+|[=(),;])")


@dataclass
class CopyOptions:
    """What a COPY was told. ``null_if`` has Snowflake's default for Parquet text: backslash N."""

    files: list[str] = field(default_factory=list)
    force: bool = False
    purge: bool = False
    match_by_column_name: str = "NONE"
    use_logical_type: bool = False
    binary_as_text: bool = True
    null_if: list[str] = field(default_factory=lambda: ["\\N"])


Value = str | list[str] | dict[str, "Value"]


def _unquote(token: str) -> str:
    inside = token[1:-1].replace("''", "'")
    return re.sub(r"\\(.)", r"\1", inside)


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        text = text.strip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if not found:
                raise SqlError(
                    1003,
                    "42000",
                    f"SQL compilation error:\nsyntax error at '{text[position : position + 30]}'",
                )
            self.tokens.append(found[1])
            position = found.end()
        self.position = 0

    def next(self, expected: str | None = None) -> str:
        if self.position >= len(self.tokens):
            raise SqlError(1003, "42000", "SQL compilation error:\nunexpected end of COPY INTO")
        token = self.tokens[self.position]
        if expected is not None and token != expected:
            raise SqlError(1003, "42000", f"SQL compilation error:\nexpected '{expected}' at '{token}'")
        self.position += 1
        return token

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def pairs(self, closing: str) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while self.peek() not in (closing, ""):
            if self.peek() in (",", ";"):
                self.next()
                continue
            name = self.next().upper()
            self.next("=")
            found[name] = self.value()
        return found

    def value(self) -> Value:
        token = self.next()
        if token != "(":
            return _unquote(token) if token.startswith("'") else token.upper()
        if len(self.tokens) > self.position + 1 and self.tokens[self.position + 1] == "=":
            found = self.pairs(")")
            self.next(")")
            return found
        items: list[str] = []
        while self.peek() != ")":
            token = self.next()
            if token != ",":
                items.append(_unquote(token) if token.startswith("'") else token)
        self.next(")")
        return items


def _boolean(name: str, value: Value) -> bool:
    if value not in ("TRUE", "FALSE"):
        raise bad_value(name, value)
    return value == "TRUE"


def read_options(text: str) -> CopyOptions:
    """Read what follows the source of a COPY INTO.

    Raises a refusal for every option or value that the emulator does not do, and 001008 for a wrong value.
    """
    options = CopyOptions()
    given = _Reader(text).pairs("")
    if "FILE_FORMAT" not in given:
        raise refuse("load CSV, the default format; say FILE_FORMAT = (TYPE = PARQUET)")
    for name, value in given.items():
        if name == "FILES" and isinstance(value, list):
            if not value or len(value) > 1000:
                raise SqlError(1008, "22023", "SQL compilation error:\nFILES takes 1 to 1000 names")
            options.files = value
        elif name == "FORCE":
            options.force = _boolean(name, value)
        elif name == "PURGE":
            options.purge = _boolean(name, value)
        elif name == "ON_ERROR":
            if value != "ABORT_STATEMENT":
                raise refuse(f"do COPY with ON_ERROR = {value} (only ABORT_STATEMENT)")
        elif name == "MATCH_BY_COLUMN_NAME":
            if value not in ("NONE", "CASE_SENSITIVE", "CASE_INSENSITIVE"):
                raise bad_value(name, value)
            options.match_by_column_name = str(value)
        elif name == "FILE_FORMAT" and isinstance(value, dict):
            _file_format(options, value)
        else:
            raise refuse(f"do COPY with {name}")
    return options


def _file_format(options: CopyOptions, given: dict[str, Value]) -> None:
    kind = given.get("TYPE")
    if kind != "PARQUET":
        raise refuse(f"load files of TYPE = {kind} (only PARQUET)")
    for name, value in given.items():
        if name == "USE_LOGICAL_TYPE":
            options.use_logical_type = _boolean(name, value)
        elif name == "BINARY_AS_TEXT":
            options.binary_as_text = _boolean(name, value)
        elif name == "USE_VECTORIZED_SCANNER":
            _boolean(name, value)  # changes speed and, with these other options, no value
        elif name == "NULL_IF" and isinstance(value, list):
            options.null_if = value
        elif name == "COMPRESSION":
            if value not in ("AUTO", "SNAPPY", "NONE"):
                raise refuse(f"do FILE_FORMAT COMPRESSION = {value}")
        elif name in ("TRIM_SPACE", "REPLACE_INVALID_CHARACTERS"):
            if _boolean(name, value):
                raise refuse(f"do FILE_FORMAT {name} = TRUE")
        elif name != "TYPE":
            raise refuse(f"do FILE_FORMAT {name}")
