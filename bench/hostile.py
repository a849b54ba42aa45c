"""Values that drivers get wrong: a table of one row each, and what of it a file may say.

The values come from the documentation of PostgreSQL (chapter 8) and MariaDB (data types).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow.parquet as pq

from bench.fidelity import files_of
from bench.measuring import Run, RunFailed

Outcome = Literal["exact", "set aside", "NULL", "lost", "altered", "error"]


@dataclass(frozen=True)
class Trap:
    """One value: a column's type, the literal, and each text of it that counts as the same value."""

    name: str
    type: str
    literal: str
    same: tuple[str, ...]

    @property
    def table(self) -> str:
        """The table's name in the server."""
        return "trap_" + "".join(c if c.isalnum() else "_" for c in self.name.lower())


LONG = "123456789012345678901234567890123456789012345.12345"
TINY = "0.1234567890123456789012345678901234567890"

DAYS = "date32[day] -735160"
"""44 BC, March 15 of the Gregorian calendar, as Arrow counts days."""

DAY_MICROSECONDS = 86_400_000_000

POSTGRES = (
    Trap("numeric NaN", "numeric", "'NaN'", ("NaN", "nan")),
    Trap("numeric infinity", "numeric", "'Infinity'", ("Infinity", "inf")),
    Trap("numeric(50,5)", "numeric(50,5)", LONG, (LONG,)),
    Trap("unbounded numeric", "numeric", TINY, (TINY,)),
    Trap("timestamptz infinity", "timestamptz", "'infinity'", ("infinity",)),
    Trap("date before Christ", "date", "'0044-03-15 BC'", ("0044-03-15 BC", "-0043-03-15", DAYS)),
    Trap("jsonb 1.10", "jsonb", """'{"a": 1.10}'""", ('{"a": 1.10}', '{"a":1.10}')),
    Trap("jsonb of 20 digits", "jsonb", "'12345678901234567890'", ("12345678901234567890",)),
    Trap(
        "interval",
        "interval",
        "'1 mon 2 days 03:04:05.678901'",
        (
            "1 mon 2 days 03:04:05.678901",
            "P1M2DT3H4M5.678901S",
            "MonthDayNano(months=1, days=2, nanoseconds=11045678901000)",
        ),
    ),
    Trap("money", "money", "12.34", ("$12.34", "12.34", "12.340")),
    Trap("inet", "inet", "'10.0.0.1/8'", ("10.0.0.1/8",)),
    Trap(
        "uuid",
        "uuid",
        "'182be0c5-cdcd-5072-bb18-64cdee4d3d6e'",
        ("182be0c5-cdcd-5072-bb18-64cdee4d3d6e", "182be0c5cdcd5072bb1864cdee4d3d6e"),
    ),
    Trap("bytea", "bytea", r"'\x00ff10'", ("00ff10", r"\x00ff10")),
    Trap("array with a NULL", "int[]", "'{1,2,NULL}'", ("[1,2,null]", "{1,2,NULL}", "[1, 2, null]")),
    Trap("time 24:00", "time", "'24:00:00'", ("24:00:00",)),
    Trap(r"text \N", "text", r"'\N'", (r"\N",)),
)

MYSQL = (
    Trap("BIGINT UNSIGNED max", "bigint unsigned", "18446744073709551615", ("18446744073709551615",)),
    Trap("zero date", "date", "'0000-00-00'", ("0000-00-00",)),
    Trap("partial date", "date", "'2020-00-10'", ("2020-00-10",)),
    Trap("zero datetime", "datetime", "'0000-00-00 00:00:00'", ("0000-00-00 00:00:00",)),
    Trap("TIME -838:59:59", "time", "'-838:59:59'", ("-838:59:59", "-3020399")),
    Trap("decimal(65,30)", "decimal(65,30)", "1" * 35 + "." + "2" * 30, ("1" * 35 + "." + "2" * 30,)),
    Trap("tinyint(1) of 2", "tinyint(1)", "2", ("2",)),
    Trap("year 0", "year", "0", ("0", "0000")),
    Trap("bit(8)", "bit(8)", "b'10000001'", ("81", "129")),
    Trap("json 1.10", "json", """'{"a": 1.10}'""", ('{"a": 1.10}', '{"a":1.10}')),
    Trap("float of 9 digits", "double", "16777217.1", ("16777217.1",)),
    Trap("binary with a zero", "varbinary(10)", "x'00FF10'", ("00ff10",)),
    Trap("text with emoji", "varchar(10) character set utf8mb4", "'a😀'", ("a😀",)),
    Trap(r"text \N", "varchar(10)", r"'\\N'", (r"\N",)),
)


def statements(traps: Sequence[Trap]) -> list[str]:
    """SQL that makes the tables anew, each with a key and the value as column ``v``."""
    return [
        statement
        for trap in traps
        for statement in (
            f"DROP TABLE IF EXISTS {trap.table}",
            f"CREATE TABLE {trap.table} (id integer PRIMARY KEY, v {trap.type})",
            f"INSERT INTO {trap.table} VALUES (1, {trap.literal})",
        )
    ]


def outcome(trap: Trap, done: Run | RunFailed, folder: Path) -> Outcome:
    """What became of the value in a peer's files."""
    if isinstance(done, RunFailed):
        return "error"
    found = values(folder)
    if not found:
        return "set aside" if done.set_aside else "lost"
    if found == [None]:
        return "NULL"
    return "exact" if len(found) == 1 and text(found[0]) in trap.same else "altered"


def values(folder: Path) -> list[Any]:
    """The values of column ``v`` in a peer's files, as Python has them."""
    found: list[Any] = []
    for path in files_of(folder):
        if path.suffix == ".csv":
            found += duckdb.execute(
                "SELECT v FROM read_csv(?, header = true, all_varchar = true)", [str(path)]
            ).fetchall()
            found = [value[0] if isinstance(value, tuple) else value for value in found]
        else:
            column = pq.read_table(path, columns=["v"]).column("v")
            found += [_value(scalar) for scalar in column]
    return found


def _value(scalar: Any) -> Any:
    """A time that Python cannot hold stands as Arrow's number of it, midnight at a day's end as 24:00."""
    if str(scalar.type) == "time64[us]" and scalar.value == DAY_MICROSECONDS:
        return "24:00:00"
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return f"{scalar.type} {scalar.value}"


def text(value: Any) -> str:
    """One text a value, however its file holds it."""
    match value:
        case bytes():
            try:
                return value.decode() if value.isascii() and value.decode().isprintable() else value.hex()
            except UnicodeDecodeError:
                return value.hex()
        case float():
            return "NaN" if math.isnan(value) else repr(value)
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(int(value.total_seconds()))
        case list() | dict():
            return json.dumps(value, separators=(",", ":"))
    return str(value)


def summary(outcomes: Mapping[str, Outcome]) -> str:
    """``12 of 16 exact``, and the names of those that are not by what became of them."""
    parts = [f"{sum(one == 'exact' for one in outcomes.values())} of {len(outcomes)} exact"]
    for kind in ("set aside", "altered", "NULL", "lost", "error"):
        names = [name for name, one in outcomes.items() if one == kind]
        if names:
            parts.append(f"{kind}: {', '.join(names)}")
    return "; ".join(parts)
