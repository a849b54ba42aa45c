"""A RAW of a few rows, one for each case that the project treats in its own way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
    ("FLEET", "PLANES"): {
        **dict.fromkeys(("TAILNUM", "TYPE", "MANUFACTURER", "MODEL", "ENGINE"), "VARCHAR"),
        **dict.fromkeys(("YEAR", "ENGINES", "SEATS", "SPEED"), "NUMBER(10, 0)"),
        **LOADED,
    },
    ("WEATHER_EWR", "OBSERVATIONS"): {
        "_ID": "VARCHAR",
        "UPDATED_AT": "TIMESTAMP_TZ(6)",
        "PAYLOAD": "VARIANT",
        **LOADED,
    },
    ("WEATHER_JFK", "OBSERVATIONS"): {"TIME_HOUR": "VARCHAR", "PAYLOAD": "VARIANT", **LOADED},
    ("WEATHER_LGA", "OBSERVATIONS"): {
        "OBSERVEDAT": "VARCHAR",
        "UPDATEDAT": "TIMESTAMP_TZ(6)",
        "PAYLOAD": "VARIANT",
        **LOADED,
    },
    ("CARRIERS", "AIRLINES"): {"CODE": "VARCHAR", "PAYLOAD": "VARIANT", **LOADED},
    ("DBT", "NODES"): {
        **dict.fromkeys(("DAG_ID", "RUN_ID", "RUN_TYPE", "TASK_ID", "UNIQUE_ID", "NAME"), "VARCHAR"),
        **dict.fromkeys(
            ("RESOURCE_TYPE", "STATUS", "MESSAGE", "QUERY_ID", "INVOCATION_ID", "THREAD"), "VARCHAR"
        ),
        **dict.fromkeys(("MAP_INDEX", "TRY_NUMBER", "FAILURES", "ROW_COUNT", "BYTES"), "NUMBER(19, 0)"),
        "SECONDS": "FLOAT",
        **dict.fromkeys(("STARTED_AT", "COMPILED_AT", "ENDED_AT"), "TIMESTAMP_NTZ(6)"),
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
    """Insert one row; a column that the row does not name is NULL, a dict is a document."""
    names = [name.upper() for name in row]
    values = ["parse_json(%s)" if isinstance(value, dict) else "%s" for value in row.values()]
    connection.cursor().execute(
        f"insert into {quote('RAW', schema, table)} ({', '.join(map(quote, names))}) "
        f"select {', '.join(values)}",
        tuple(json.dumps(value) if isinstance(value, dict) else value for value in row.values()),
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


def plane(tail_number: str, **values: Any) -> dict[str, Any]:
    """A Boeing 737 of 149 seats."""
    return {
        "tailnum": tail_number,
        "year": 2001,
        "type": "Fixed wing multi engine",
        "manufacturer": "BOEING",
        "model": "737-824",
        "engines": 2,
        "seats": 149,
        "speed": None,
        "engine": "Turbo-fan",
        **values,
    }


def airline(code: str, name: str) -> dict[str, Any]:
    """An airline as the GraphQL API gives it."""
    return {"code": code, "payload": {"code": code, "name": name}}


def _hour(hour: str) -> tuple[datetime, dict[str, int]]:
    instant = datetime.strptime(hour, "%Y-%m-%dT%HZ").replace(tzinfo=UTC)
    local = instant.astimezone(ZoneInfo("America/New_York"))
    return instant, {part: getattr(local, part) for part in ("year", "month", "day", "hour")}


def weather_ewr(
    hour: str, temperature: float | None = 50.0, wind: float | None = 10.0, visibility: float | None = 10
) -> dict[str, Any]:
    """Newark's weather as MongoDB gives it, in relaxed Extended JSON; ``hour`` is UTC, ``2013-01-01T06Z``.

    The document has no key for what was not measured.
    """
    instant, local = _hour(hour)
    changed = instant + timedelta(hours=2)
    measured = {
        "temperature": {"air_f": temperature, "dew_point_f": 40.1},
        "wind": {"direction_degrees": 270, "speed_mph": wind},
    }
    document = {
        "_id": instant.strftime("EWR-%Y%m%dT%HZ"),
        "station": {"code": "EWR", "local": local},
        "observed_at": {"$date": instant.strftime("%Y-%m-%dT%H:%M:%SZ")},
        **{group: {k: v for k, v in values.items() if v is not None} for group, values in measured.items()},
        "humidity_percent": 60.5,
        "precipitation_in": 0.0,
        "pressure_mbar": 1012.3,
        "visibility_miles": visibility,
        "updated_at": {"$date": changed.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }
    return {"_id": document["_id"], "updated_at": changed.isoformat(), "payload": document}


def weather_jfk(hour: str) -> dict[str, Any]:
    """Kennedy's weather as its files give it; ``hour`` is UTC, ``2013-01-01T06Z``."""
    instant, local = _hour(hour)
    text = instant.strftime("%Y-%m-%dT%H:%M:%SZ")
    readings = {"temp": 39.02, "dewp": 26.06, "humid": 59.37, "wind_dir": 260, "wind_speed": 13.80936}
    rest = {"wind_gust": None, "precip": 0.02, "pressure": None, "visib": 2.5}
    return {"time_hour": text, "payload": {"origin": "JFK", **local, **readings, **rest, "time_hour": text}}


def weather_lga(hour: str) -> dict[str, Any]:
    """LaGuardia's weather as the REST API gives it; ``hour`` is UTC, ``2013-01-01T06Z``."""
    instant, local = _hour(hour)
    text = instant.strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = instant + timedelta(hours=2)
    readings = {
        "temperatureF": 41,
        "dewPointF": 30.02,
        "humidityPercent": 64.93,
        "windDirectionDegrees": None,
        "windSpeedMph": 0,
        "windGustMph": None,
        "precipitationIn": 0.5,
        "pressureMbar": 998.1,
        "visibilityMiles": 0.25,
    }
    record = {"station": "LGA", "observedAt": text, "local": local, "readings": readings}
    changed_text = changed.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "observedat": text,
        "updatedat": changed.isoformat(),
        "payload": {**record, "updatedAt": changed_text},
    }


def ran(run: str, task: str, status: str, ended_at: str, **values: Any) -> dict[str, Any]:
    """What a node did: ``task`` is ``orders.run`` for a model, anything else is a test of it. It was begun
    four seconds before ``ended_at``, and compiled three before."""
    ended = datetime.fromisoformat(ended_at)
    name = task.removesuffix(".run").rpartition(".")[2]
    kind = "model" if task.endswith(".run") else "test"
    return {
        "dag_id": "transform",
        "run_id": run,
        "run_type": "manual",
        "task_id": task,
        "map_index": -1,
        "try_number": 1,
        "unique_id": f"{kind}.shop.{name}",
        "name": name,
        "resource_type": kind,
        "status": status,
        "seconds": 3.5,
        "started_at": (ended - timedelta(seconds=4)).isoformat(" "),
        "compiled_at": (ended - timedelta(seconds=3)).isoformat(" "),
        "ended_at": ended.isoformat(" "),
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
