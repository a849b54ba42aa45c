"""Suites of network faults: between a task and Snowflake, and between a task and each kind of source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults.network_snowflake import Growing, Injection
from tests.faults.network_sources import SERVERS, Far
from tests.faults.patience import short_waits
from tests.faults.suites import Case, Suite
from tests.faults.tasks import Broken
from tests.support.snowflake import airflow_connection, start_local_snowflake
from tests.support.snowflake_proxy import Kind, Place, SnowflakeProxy

CONN_ID = "faults_snowflake"

EVERYWHERE: dict[str, list[Kind]] = {
    "gone": [Kind.REQUEST_GONE, Kind.REPLY_GONE],
    "late": [Kind.REQUEST_LATE, Kind.REPLY_LOST],
    "cut": [Kind.REPLY_CUT, Kind.REQUEST_RESET],
    "again": [Kind.REPEATED_AT_ONCE, Kind.REPLY_503],
}
"""What every request of an append meets, a suite each, so that they run side by side."""

LANDMARKS = ("sign in", "PUT", "COPY ATTEMPT", "INSERT LOADS", "COMMIT", "INSERT MANIFESTS", "sign out")
"""Where the other kinds of fault are met."""


@contextmanager
def snowflake(
    home: Path, disposition: str, chosen: Callable[[Place, Kind], bool]
) -> Iterator[Iterator[Case]]:
    """Loads of one disposition through a proxy; ``chosen`` says which kinds each request meets."""
    home.mkdir(parents=True, exist_ok=True)
    server = start_local_snowflake(home / "snowflake")
    proxy = SnowflakeProxy(server.port)
    os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = airflow_connection(proxy.port)
    try:
        with short_waits():
            table = Growing(disposition, proxy, CONN_ID, home)
            cases = [
                Injection(disposition, place, kind)
                for place in table.places()
                for kind in Kind
                if chosen(place, kind)
            ]
            yield (Case(str(one), partial(_happens, partial(table.inject, one))) for one in cases)
    finally:
        proxy.stop()
        server.stop()


@contextmanager
def source(home: Path, kind: str) -> Iterator[Iterator[Case]]:
    """Loads of one kind of source through a proxy before its server."""
    home.mkdir(parents=True, exist_ok=True)
    warehouse = start_local_snowflake(home / "snowflake")
    os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = airflow_connection(warehouse.port)
    server = SERVERS[kind](home)
    far = Far(server, CONN_ID, home / "far")
    try:
        with short_waits():
            yield (Case(str(one), partial(_happens, partial(far.inject, one))) for one in far.injections())
    finally:
        far.stop()
        server.stop()
        warehouse.stop()


def _happens(inject: Callable[[], int]) -> None:
    if not inject():
        raise Broken("the fault did not happen: its moment never came")


def _everywhere(kinds: list[Kind], place: Place, kind: Kind) -> bool:
    return kind in kinds


def _at_landmarks(place: Place, kind: Kind) -> bool:
    return place.label in LANDMARKS and not any(kind in kinds for kinds in EVERYWHERE.values())


def _dead_in_the_load(place: Place, kind: Kind) -> bool:
    changes = ("UPDATE", "DELETE", "MERGE", "INSERT ORDERS", "INSERT LOADS", "COMMIT", "BEGIN", "SELECT")
    return kind in EVERYWHERE["gone"] and place.label.startswith(changes)


SUITES: dict[str, Suite] = {
    **{
        f"network to snowflake: {name}": partial(
            snowflake, disposition="append", chosen=partial(_everywhere, kinds)
        )
        for name, kinds in EVERYWHERE.items()
    },
    "network to snowflake: others": partial(snowflake, disposition="append", chosen=_at_landmarks),
    "network to snowflake: merge": partial(snowflake, disposition="merge", chosen=_dead_in_the_load),
    "network to snowflake: replace": partial(snowflake, disposition="replace", chosen=_dead_in_the_load),
    **{f"network to {kind}": partial(source, kind=kind) for kind in SERVERS},
}
