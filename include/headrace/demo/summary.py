"""What a demo did: a row a table from the ledger, a row a dbt layer from its tasks, and the KPIs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from include.headrace import settings
from include.headrace.demo.query import write_table
from include.headrace.export.files import FORMATS
from include.headrace.export.place import MANIFEST
from include.headrace.names import quote
from include.headrace.transform import ARTIFACTS, OPS, TRANSFORM
from include.headrace.transform.graph import Graph
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.naming import task_ids

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

SAMPLED = "SAMPLED"
ENOUGH_FLIGHTS = 1000
"""A carrier with fewer flights in the year is not ranked: a share of a handful says nothing."""

TABLES = """
SELECT SOURCE || '.' || TABLE_NAME AS "table", ROWS_EXTRACTED AS "extracted",
       ROWS_QUARANTINED AS "set aside", ROWS_DISCARDED AS "discarded", ROWS_STAGED AS "staged",
       ROWS_LOADED AS "loaded", DATEDIFF('millisecond', STARTED_AT, COMMITTED_AT) / 1000 AS "seconds",
       SAMPLED AS "sampled"
FROM {loads} WHERE RUN_ID IN ({runs}) AND SOURCE <> '{artifacts}' ORDER BY 1
"""

KPIS = """
SELECT COUNT(*) AS "flights", COUNT_IF(IS_CANCELLED) AS "cancelled",
       COUNT(ARRIVAL_DELAY_MINUTES) AS "arrived", COUNT_IF(IS_ON_TIME) AS "on time",
       AVG(ARRIVAL_DELAY_MINUTES::FLOAT) AS "mean delay"
FROM {flights}
"""

MORE_KPIS = """
SELECT (SELECT SUM(SEATS_FLOWN) FROM {kpis}) AS "seats flown",
       (SELECT COUNT(*) FROM {weather}) AS "hours of weather",
       (SELECT SUM(LATE) FROM {by_weather} WHERE MEASURE = 'visibility' AND BAND_ORDER = 1) AS "late in fog",
       (SELECT SUM(ARRIVED) FROM {by_weather} WHERE MEASURE = 'visibility' AND BAND_ORDER = 1) AS "in fog"
"""

CARRIERS = """
SELECT CARRIER_CODE AS "carrier", SUM(FLIGHTS) AS "flights", SUM(CANCELLED) AS "cancelled",
       100 * SUM(ON_TIME) / SUM(ARRIVED) AS "on time %",
       SUM(MEAN_ARRIVAL_DELAY_MINUTES * ARRIVED) / SUM(ARRIVED) AS "mean arrival delay, minutes"
FROM {kpis} GROUP BY 1 HAVING SUM(FLIGHTS) >= {enough} AND SUM(ARRIVED) > 0 ORDER BY 4 DESC
"""


def _ask(
    connection: SnowflakeConnection, statement: str, values: Sequence[Any] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(values) or None)
        return [column.name for column in cursor.description], list(cursor.fetchall())


def table_rows(connection: SnowflakeConnection, runs: Sequence[str]) -> list[tuple[Any, ...]]:
    """A row a table that these runs loaded of a source: name, extracted, set aside, discarded, staged,
    loaded, seconds, and SAMPLED where a limit, sample or window of the source file held."""
    loads = quote(settings.raw_database(), settings.LEDGER_SCHEMA, "LOADS")
    statement = TABLES.format(loads=loads, artifacts=ARTIFACTS, runs=", ".join(["%s"] * len(runs)))
    _, rows = _ask(connection, statement, runs)
    return [(*row[:6], f"{float(row[6]):.1f}", SAMPLED if row[7] else "") for row in rows]


def layer_rows(
    manifest: Mapping[str, Any], states: Mapping[str, str | None], warned: Collection[str]
) -> list[tuple[Any, ...]]:
    """A row a dbt layer in the order they build: models, tests, passed, warned, failed.

    ``states`` gives the state of each task by its id, ``warned`` the ids of tasks whose test warned.
    Models are all that is built, seeds and snapshots too; tests are unit tests and freshness too. A node
    whose task did not succeed is failed, be it for what came before it.
    """
    graph = Graph(manifest)
    ids = task_ids(graph)
    rows: dict[str, list[int]] = {graph.layer_of(node): [0] * 5 for node in _in_order(graph)}
    for uid, node in graph.nodes.items():
        if not node.runs:
            continue
        home = graph.home_of(node) if node.is_test else uid
        row = rows.setdefault("tests" if home is None else graph.layer_of(graph.resources[home]), [0] * 5)
        is_check = node.is_test or node.kind == "source"
        good = states.get(ids[uid]) == "success"
        row[1 if is_check else 0] += 1
        row[2] += is_check and good and ids[uid] not in warned
        row[3] += is_check and good and ids[uid] in warned
        row[4] += not good
    return [(layer, *row) for layer, row in rows.items() if any(row)]


def _in_order(graph: Graph) -> list[Any]:
    depth: dict[str, int] = {}

    def depth_of(uid: str) -> int:
        if uid not in depth:
            parents = graph.parents_of(graph.resources[uid])
            depth[uid] = 1 + max(map(depth_of, parents), default=0)
        return depth[uid]

    layers: dict[str, int] = {}
    for uid, node in graph.resources.items():
        layer = graph.layer_of(node)
        layers[layer] = max(layers.get(layer, 0), depth_of(uid))
    # Sources come first even where a seed, which reads nothing either, sorts before them.
    rank = {layer: (layer != "sources", deepest) for layer, deepest in layers.items()}
    return sorted(graph.resources.values(), key=lambda node: rank[graph.layer_of(node)])


def export_rows(exports: Path, runs: Collection[str]) -> list[tuple[Any, ...]]:
    """A row a mart that these runs exported below the folder: name, rows, bytes as Parquet and as CSV."""
    manifests = [json.loads(path.read_text()) for path in sorted(exports.glob(f"*/{MANIFEST}"))]
    return [
        (found["model"], found["rows"], *(found["files"][name]["bytes"] for name in FORMATS))
        for found in manifests
        if found["run_id"] in runs
    ]


def share(part: int, whole: int) -> str:
    """A part of a whole in per cent; a dash where the whole is nothing."""
    return f"{part / whole:.1%}" if whole else "-"


def print_summary(
    connection: SnowflakeConnection,
    tasks: Sequence[Mapping[str, Any]],
    warned: Collection[str],
    runs: Sequence[str],
    output: TextIO,
) -> None:
    """Print what a finished demo did. ``tasks`` are the task instances of its ``runs``."""

    def title(text: str) -> None:
        print(f"\n{text}", file=output)

    title("Loaded into the local Snowflake (emulated)")
    names = ["table", "extracted", "set aside", "discarded", "staged", "loaded", "seconds", ""]
    write_table(names, table_rows(connection, runs), output)

    states = {task["task_id"]: task["state"] for task in tasks if task["dag_id"] in (TRANSFORM, OPS)}
    title("Built and tested by dbt")
    layers = layer_rows(json.loads(manifest_path().read_text()), states, warned)
    write_table(["layer", "models", "tests", "passed", "warned", "failed"], layers, output)

    exports = Path(settings.exports_location())
    title(f"Exported below {_shown(exports)}")
    write_table(["mart", "rows", *(f"{name} bytes" for name in FORMATS)], export_rows(exports, runs), output)

    title("New York's flights of 2013")
    marts = (settings.analytics_database(), "MARTS")
    kpis = quote(*marts, "KPI_PUNCTUALITY_DAILY")
    _, [(flights, cancelled, arrived, on_time, delay)] = _ask(
        connection, KPIS.format(flights=quote(*marts, "FCT_FLIGHTS"))
    )
    weather, by_weather = quote(*marts, "FCT_WEATHER_HOURLY"), quote(*marts, "KPI_DELAY_BY_WEATHER")
    _, [(seats, hours, late_in_fog, in_fog)] = _ask(
        connection, MORE_KPIS.format(kpis=kpis, weather=weather, by_weather=by_weather)
    )
    figures = [
        ("flights", f"{flights:,}"),
        ("cancelled", f"{cancelled:,} ({share(cancelled, flights)})"),
        ("on time, of those that arrived", share(on_time, arrived)),
        ("mean arrival delay", "none arrived" if delay is None else f"{delay:.2f} minutes"),
        ("late, of those that left in sight below 1 mile", share(late_in_fog or 0, in_fog or 0)),
        ("seats flown", f"{seats or 0:,}"),
        ("hours of weather", f"{hours:,}"),
    ]
    write_table(["KPI", "value"], figures, output)

    names, carriers = _ask(connection, CARRIERS.format(kpis=kpis, enough=ENOUGH_FLIGHTS))
    rows = [(*row[:3], f"{float(row[3]):.1f}", f"{float(row[4]):.1f}") for row in carriers]
    title("Carriers, the most punctual first")
    write_table(names, rows, output)


def _shown(path: Path) -> Path:
    """A path as a person at the project's root writes it."""
    return path.relative_to(settings.PROJECT_ROOT) if path.is_relative_to(settings.PROJECT_ROOT) else path
