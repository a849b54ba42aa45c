"""Checks of single values in source files. Each returns the value or raises ValueError with the remedy."""

from __future__ import annotations

import os
import re
from math import isfinite
from pathlib import PurePosixPath
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

SOURCE_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
"""Names of sources. Only single underscores, and none at the ends: names of ledger objects join
source and table with two, and must not fall together."""

RESERVED_SOURCES = frozenset({"dbt", "headrace", "information_schema", "public"})
"""Schemas of RAW that are not a source's: that of what dbt's runs did, the ledger's, and the two every
Snowflake database has."""

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""The presets of Airflow that stand for a cron expression."""

COLUMN_TYPE = re.compile(
    r"(?:BOOLEAN|DATE|FLOAT|VARCHAR|BINARY|VARIANT|TIME(?:\([0-9]\))?"
    r"|NUMBER\(([1-9]|[12]\d|3[0-8])(?:,(\d{1,2}))?\)"
    r"|TIMESTAMP_(?:NTZ|TZ)(?:\([0-9]\))?)"
)

SHARE = r"^[0-9]{1,3}(\.[0-9]+)?%$"
"""A share of rows as text."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def source_name(value: str) -> str:
    """A source's name: small letters and digits, words joined by one underscore."""
    if not SOURCE_NAME.fullmatch(value):
        raise ValueError(
            f"comes from the file's name, and {value!r} will not do; rename the file to small letters, "
            "digits and single underscores, beginning with a letter, such as sales_eu.yml"
        )
    if value in RESERVED_SOURCES:
        raise ValueError(f"is taken: {value!r} is a schema that RAW needs itself; rename the file")
    return value


def connection_id(value: str) -> str:
    """An Airflow connection id. The value is not repeated in the error: it may be a URI with a password."""
    if not re.fullmatch(r"[\w.-]{1,200}", value):
        raise ValueError(
            "is not a connection id; write the id of an Airflow connection (letters, digits, _ . -), "
            "and keep the address and password in that connection"
        )
    return value


def cron(value: str) -> str:
    """A cron expression of five fields, or one of Airflow's presets, that fires at some time."""
    if value in PRESETS:
        return value
    if value.startswith("@"):
        raise ValueError(f"is an unknown preset ({value}); use one of {', '.join(PRESETS)}")
    # croniter comes with Airflow and is imported only for a file that has an expression.
    from croniter import CroniterError, croniter  # type: ignore[import-untyped]

    remedy = "write five fields (minute hour day month weekday), such as 0 6 * * *"
    if len(value.split()) != 5:
        raise ValueError(f"is not a cron expression ({value!r}); {remedy}")
    try:
        croniter(value).get_next()
    except CroniterError as error:
        raise ValueError(f"is not a cron expression that ever fires ({error}); {remedy}") from None
    return value


def timezone(value: str) -> str:
    """A name of the IANA time zone database."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"is not a time zone ({value!r}); use an IANA name, such as America/New_York"
        ) from None
    return value


def location(value: str) -> str:
    """A folder or URL, with ``${NAME}`` and ``${NAME:-default}`` replaced from the environment.

    A variable that is unset or empty takes its default, as in a shell. A password in a URL is
    refused, and not repeated.
    """

    def replaced(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        text = os.environ.get(name) or default
        if text is None:
            raise ValueError(
                f"uses ${{{name}}}, which is not set; set it in the environment, or give a default: "
                f"${{{name}:-.local}}"
            )
        return text

    expanded = _VARIABLE.sub(replaced, value)
    if "${" in expanded:
        raise ValueError("has a `${` that is not of the form ${NAME} or ${NAME:-default}; mend it")
    if not expanded.strip():
        raise ValueError("is empty; write a folder or a URL")
    try:
        password = urlsplit(expanded).password
    except ValueError:
        raise ValueError("is not a URL; write a folder, or a URL such as s3://bucket/folder") from None
    if password is not None:
        raise ValueError("holds a password; put it in an Airflow connection and name that in `connection`")
    return expanded


def relative_glob(value: str) -> str:
    """A glob below the location: it neither begins at the root nor climbs out."""
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts or "://" in value:
        raise ValueError(
            "must be a pattern below `location`, without a leading / and without ..; write it as "
            "flights-*.csv"
        )
    return value


def encoding(value: str) -> str:
    """A text encoding that Python knows."""
    try:
        "".encode(value)
    except LookupError:
        raise ValueError(
            f"is not a text encoding ({value!r}); write one such as utf-8, latin-1 or cp1252"
        ) from None
    return value


def delimiter(value: str) -> str:
    """One character that can part fields."""
    if len(value) != 1 or value in '"\r\n\0':
        raise ValueError(
            'must be one character, and no quote or line end; write one such as "," or ";" or "\\t"'
        )
    return value


def column_type(value: str) -> str:
    """A Snowflake type that text can be read as, without spaces."""
    found = COLUMN_TYPE.fullmatch(value)
    if not found or (found[2] and int(found[2]) > int(found[1])):
        raise ValueError(
            f"is not a type that text can be read as ({value!r}); use BOOLEAN, DATE, FLOAT, NUMBER(38,0), "
            "TIME, TIMESTAMP_NTZ, TIMESTAMP_TZ, VARCHAR, BINARY or VARIANT"
        )
    return value


def scalar(value: object) -> str | int | float | bool:
    """A value that a query parameter can carry: text, a finite number or a truth value."""
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("is no finite number; write it in quotes if the API knows it")
    if isinstance(value, (str, int, float, bool)):
        return value
    raise ValueError("is not text, a number or a truth value; write one, a date in quotes")


def header_name(value: str) -> str:
    """A name of an HTTP header (RFC 9110, section 5.1)."""
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value, re.ASCII):
        raise ValueError(f"is not a header's name ({value!r}); write one such as X-Api-Key")
    return value


def header_value(value: str) -> str:
    """A value of an HTTP header: printable ASCII."""
    if not value.isascii() or not value.isprintable():
        raise ValueError("is not a header's value; write printable ASCII characters")
    return value


def url_path(value: str) -> str:
    """A path below an API's base URL, without a query: parameters have a field of their own."""
    if "://" in value or "?" in value or "#" in value or not value.startswith("/"):
        raise ValueError(
            f"is not a path below the connection's address ({value!r}); begin it with / and put what follows "
            "a ? into parameters"
        )
    return value


def row_limit(value: object) -> int | str | None:
    """A number of rows, or a share of them such as 5%."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    if isinstance(value, str) and re.fullmatch(SHARE, value) and float(value.removesuffix("%")) <= 100:
        return value
    raise ValueError("is no limit; write a number of rows, such as 500, or a share of them, such as 5%")
