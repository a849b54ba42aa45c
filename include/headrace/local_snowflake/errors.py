"""Errors the local Snowflake gives its clients, with Snowflake's own codes where they are documented."""

from __future__ import annotations

import re

import duckdb
from sqlglot.errors import ParseError

PRODUCT = "The local Snowflake (emulated)"


class SqlError(Exception):
    """A statement failed; the client gets ``errno``, ``sqlstate`` and the message.

    ``errno`` is Snowflake's six-digit error number, ``sqlstate`` its five-character state.
    """

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message


def refuse(what: str) -> SqlError:
    """The error for something the emulator does not truly do. ``what`` completes "does not ...".

    000002 is Snowflake's number for an unsupported feature.
    """
    return SqlError(2, "0A000", f"{PRODUCT} does not {what}.")


def does_not_exist(kind: str, name: str) -> SqlError:
    """Snowflake's 002003: the object is not there, or not yours to see."""
    return SqlError(
        2003, "42S02", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized."
    )


def nothing_to_show() -> SqlError:
    """Snowflake's 002043, its answer to SHOW in a schema that is not there (dbt-snowflake reads the code)."""
    message = "SQL compilation error:\nObject does not exist, or operation cannot be performed."
    return SqlError(2043, "02000", message)


def already_exists(name: str) -> SqlError:
    """Snowflake's 002002: an object of that name is there already."""
    return SqlError(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def bad_value(option: str, value: object) -> SqlError:
    """Snowflake's 001008: an option has a value that it cannot have."""
    return SqlError(
        1008, "22023", f"SQL compilation error:\ninvalid value [{value}] for parameter '{option}'"
    )


class Canceled(SqlError):
    """The statement was interrupted by its client, by a timeout, or by the abort of its transaction."""

    def __init__(self, message: str = "SQL execution canceled") -> None:
        super().__init__(604, "57014", message)


_MARKED = re.compile(r"headrace:(\d+):(\w{5}):(.*)", re.DOTALL)


def marked(errno: int, sqlstate: str, message: str) -> str:
    """A message for DuckDB's ``error()`` that `translate` turns back into a SqlError."""
    return f"headrace:{errno}:{sqlstate}:{message}"


def translate(error: Exception) -> SqlError:
    """Turn any exception of DuckDB or of the parser into the error Snowflake's client should see.

    Nothing is left to become an HTTP 500: the connector would retry that for minutes.
    """
    if isinstance(error, SqlError):
        return error
    text = str(error)
    if found := _MARKED.search(text):
        return SqlError(int(found[1]), found[2], found[3])
    if isinstance(error, ParseError):
        clean = re.sub(r"\x1b\[\d+m", "", text)
        return SqlError(1003, "42000", f"SQL compilation error:\n{clean}")
    if isinstance(error, duckdb.InterruptException):
        return Canceled()
    first = text.split("\n")[0]
    if isinstance(error, duckdb.CatalogException):
        if "already exists" in text:
            return SqlError(2002, "42710", f"SQL compilation error:\n{first}")
        return SqlError(2003, "42S02", f"SQL compilation error:\n{first} (does not exist or not authorized)")
    if isinstance(error, duckdb.BinderException):
        return SqlError(904, "42000", f"SQL compilation error:\n{text}")
    if isinstance(error, duckdb.ParserException):
        return SqlError(1003, "42000", f"SQL compilation error:\n{first} (after translation to DuckDB)")
    if isinstance(error, duckdb.ConstraintException) and "NOT NULL" in text:
        return SqlError(100072, "22000", f"NULL result in a non-nullable column: {first}")
    if isinstance(error, (duckdb.OutOfRangeException, duckdb.ConversionException)):
        if "INT64" in text or "BIGINT" in text:
            first += f". {PRODUCT} holds NUMBER(38,0) and integers in 64 bits; NUMBER(37,0) holds more."
        return SqlError(100038, "22018", f"Numeric value or conversion failed: {first}")
    if "can only write to a single attached database" in text:
        return refuse("write to two databases in one transaction")
    if isinstance(error, duckdb.TransactionException):
        return SqlError(625, "57014", f"{PRODUCT} could not run this beside another transaction: {first}")
    return SqlError(603, "XX000", f"{PRODUCT} failed: {type(error).__name__}: {first}")
