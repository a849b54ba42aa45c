"""A backfill that Airflow itself makes of an ingestion DAG: its interval alone, and as often as one likes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.airflow_runs.small_platform import Run, SmallPlatform

DAG = "ingest__till"
LATER = """
update sales set amount = amount + 1;
delete from sales where id = 2;
insert into sales values (5, 50, '2013-07-02 23:59:59'), (6, 60, '2013-07-03 00:00');
"""
"""What changes in the source on all days after they were loaded."""

OF_THE_SECOND = [(1, 10), (3, 31), (4, 40), (5, 50)]
"""What the table then holds, with the second of July as it is now and the other days as they were."""


def loaded(platform: SmallPlatform) -> list[tuple[Any, ...]]:
    return platform.rows("select ID, AMOUNT from RAW.TILL.SALES order by ID")


@pytest.fixture(scope="module")
def first(platform: SmallPlatform) -> Run:
    """A backfill of the second of July, after the source changed on all days that were loaded."""
    # The schedule's own first run reads all that there was before its interval.
    platform.until(lambda: bool(platform.api.runs([DAG])), "no run by the schedule")
    [scheduled] = platform.api.runs([DAG])
    assert Run(platform, DAG, scheduled["dag_run_id"]).end() == "success"
    assert loaded(platform) == [(1, 10), (2, 20), (3, 30), (4, 40)]
    platform.postgres.execute(LATER)
    run = platform.backfill(DAG, "2013-07-02")
    assert run.end() == "success", run.states()
    return run


@pytest.mark.usefixtures("first")
def test_a_backfill_rebuilds_its_interval_alone(platform: SmallPlatform) -> None:
    assert loaded(platform) == OF_THE_SECOND


def test_a_second_backfill_of_the_interval_gives_the_same(first: Run, platform: SmallPlatform) -> None:
    platform.until(first.backfill_is_over, "the first backfill does not end")
    before = first.tries()
    again = platform.backfill(DAG, "2013-07-02")
    assert again.end() == "success"
    assert set(before.values()) == {1}
    assert set(again.tries().values()) == {2}
    assert loaded(platform) == OF_THE_SECOND


def test_a_backfill_starts_the_dags_that_follow_the_source(first: Run, platform: SmallPlatform) -> None:
    def followed() -> bool:
        events = platform.api.call("GET", "/api/v2/assets/events", source_run_id=first.run_id)["asset_events"]
        return any(run["dag_id"] == "after_till" for event in events for run in event["created_dagruns"])

    platform.until(followed, "nothing followed")
