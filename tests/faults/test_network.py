"""A part of the network's faults; `make faults` has every request and every source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import network_snowflake, network_sources
from tests.faults.network import CONN_ID
from tests.faults.network_snowflake import Growing
from tests.faults.network_sources import Far
from tests.faults.patience import short_waits
from tests.load.conftest import snowflake
from tests.support.snowflake import LocalSnowflake, airflow_connection
from tests.support.snowflake_proxy import Kind, Place, SnowflakeProxy

__all__ = ["snowflake"]

COMMIT = Place("COMMIT", 2)
"""The first COMMIT of a load is that of its COPY; this one applies it."""

AT_THE_COMMIT = [
    Kind.REPLY_GONE,
    Kind.REQUEST_LATE,
    Kind.REPLY_CUT,
    Kind.REPEATED_AT_ONCE,
]

ELSEWHERE = [(Place("INSERT LOADS"), Kind.REPLY_GONE), (Place("PUT"), Kind.REPLY_LOST)]


@pytest.fixture(scope="module")
def growing(snowflake: LocalSnowflake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growing]:
    proxy = SnowflakeProxy(snowflake.port)
    with pytest.MonkeyPatch.context() as patch, short_waits():
        patch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", airflow_connection(proxy.port))
        yield Growing("append", proxy, CONN_ID, tmp_path_factory.mktemp("growing"))
    proxy.stop()


@pytest.mark.parametrize("kind", AT_THE_COMMIT, ids=lambda kind: kind.value)
def test_whatever_becomes_of_a_commit_no_row_is_lost_or_doubled(growing: Growing, kind: Kind) -> None:
    assert growing.inject(network_snowflake.Injection("append", COMMIT, kind)) == 1


@pytest.mark.parametrize(("place", "kind"), ELSEWHERE, ids=str)
def test_a_dead_connection_in_mid_load_loses_and_doubles_no_row(
    growing: Growing, place: Place, kind: Kind
) -> None:
    assert growing.inject(network_snowflake.Injection("append", place, kind)) == 1


@pytest.mark.parametrize("kind", ["postgres", "rest"])
def test_a_source_whose_connection_breaks_is_read_again(
    snowflake: LocalSnowflake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", airflow_connection(snowflake.port))
    server = network_sources.SERVERS[kind](tmp_path)
    far = Far(server, CONN_ID, tmp_path / "far")
    try:
        moments = ("middle of the rows", "last rows", "answer in the middle")
        with short_waits():
            for one in far.injections():
                if one.moment in moments and one.action == "cut":
                    assert far.inject(one) >= 1, one
    finally:
        far.stop()
        server.stop()
