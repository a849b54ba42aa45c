"""A RAW of a few rows, one for each case that the project treats in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from include.headrace.names import quote

INTEGERS = (
    *("YEAR", "MONTH", "DAY", "DEP_TIME", "SCHED_DEP_TIME", "DEP_DELAY", "ARR_TIME", "SCHED_ARR_TIME"),
    *("ARR_DELAY", "FLIGHT", "AIR_TIME", "DISTANCE", "HOUR", "MINUTE"),
)
FLIGHTS = {
    **dict.fromkeys(INTEGERS, "NUMBER(10, 0)"),
    **dict.fromkeys(("CARRIER", "TAILNUM", "ORIGIN", "DEST"), "VARCHAR"),
    "TIME_HOUR": "TIMESTAMP_TZ(6)",
}
LOADED = {"_LOAD_ID": "VARCHAR", "_LOADED_AT": "TIMESTAMP_NTZ(6)"}
TABLES: dict[tuple[str, str], dict[str, str]] = {
    ("OPERATIONS", "FLIGHTS"): {**FLIGHTS, "UPDATED_AT": "TIMESTAMP_TZ(6)", **LOADED},
    ("ARCHIVE", "FLIGHTS"): {**FLIGHTS, **LOADED},
    ("REFERENCE", "AIRPORTS"): {
        **dict.fromkeys(("FAA", "NAME", "LAT", "LON", "ALT", "TZ", "DST", "TZONE"), "VARCHAR"),
        **LOADED,
    },
    ("HEADRACE", "LOADS"): {
        **dict.fromkeys(("LOAD_ID", "SOURCE", "TABLE_NAME"), "VARCHAR"),
        "COMMITTED_AT": "TIMESTAMP_NTZ(6)",
    },
}


def create(connection: Any) -> None:
    """Create both databases and RAW's tables, empty."""
    for database in ("RAW", "ANALYTICS"):
        connection.cursor().execute(f"create database if not exists {quote(database)}")
    for (schema, table), columns in TABLES.items():
        connection.cursor().execute(f"create schema if not exists {quote('RAW', schema)}")
        listed = ", ".join(f"{quote(name)} {kind}" for name, kind in columns.items())
        connection.cursor().execute(f"create table {quote('RAW', schema, table)} ({listed})")


def insert(connection: Any, schema: str, table: str, row: dict[str, Any]) -> None:
    """Insert one row; a column that the row does not name is NULL."""
    names = [name.upper() for name in row]
    connection.cursor().execute(
        f"insert into {quote('RAW', schema, table)} ({', '.join(map(quote, names))}) "
        f"select {', '.join(['%s'] * len(names))}",
        tuple(row.values()),
    )


def flight(number: int, departure: str, **values: Any) -> dict[str, Any]:
    """A UA flight from EWR to ORD, an hour in the air, that left and arrived to the minute.

    ``departure`` is the scheduled one as ``2013-07-04 21:15 -0400``, New York's clock with its offset.
    """
    local = datetime.strptime(departure, "%Y-%m-%d %H:%M %z")
    clock = local.hour * 100 + local.minute
    planned = {part: getattr(local, part) for part in ("year", "month", "day", "hour", "minute")}
    return {
        **planned,
        "sched_dep_time": clock,
        "dep_time": clock,
        "dep_delay": 0,
        "arr_delay": 0,
        "air_time": 60,
        "distance": 719,
        "carrier": "UA",
        "flight": number,
        "tailnum": "N1",
        "origin": "EWR",
        "dest": "ORD",
        "time_hour": local.replace(minute=0).isoformat(" "),
        **values,
    }


def load(
    connection: Any,
    schema: str,
    table: str,
    load_id: str,
    rows: Sequence[dict[str, Any]],
    loaded_at: str = "2024-01-01 00:00:00",
) -> None:
    """Insert the rows of one load with its line in the ledger."""
    for row in rows:
        insert(connection, schema, table, {**row, "_load_id": load_id, "_loaded_at": loaded_at})
    ledger = {"load_id": load_id, "source": schema.lower(), "table_name": table.lower()}
    insert(connection, "HEADRACE", "LOADS", {**ledger, "committed_at": loaded_at})
