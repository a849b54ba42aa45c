"""What a run loads, and under which id."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from include.headrace.operators import interval_of, load_id_of

DAY = (datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC))


def run(**fields: Any) -> Any:
    given = {
        "run_id": "scheduled__1",
        "run_type": "scheduled",
        "data_interval_start": DAY[0],
        "data_interval_end": DAY[1],
        "clear_number": 0,
    }
    return SimpleNamespace(**{**given, **fields})


def load_id(**fields: Any) -> str:
    context: Any = {"dag_run": run(**fields)}
    return load_id_of("shop", "orders", context)


@pytest.mark.parametrize("kind", ["scheduled", "backfill"])
def test_scheduled_and_backfilled_runs_load_their_interval(kind: str) -> None:
    assert interval_of(run(run_type=kind)) == DAY


@pytest.mark.parametrize(
    "fields",
    [
        {"run_type": "manual"},
        {"run_type": "asset_triggered", "data_interval_start": None, "data_interval_end": None},
        {"data_interval_end": DAY[0]},
    ],
)
def test_a_run_without_an_interval_that_means_something_loads_from_the_watermark(
    fields: dict[str, Any],
) -> None:
    assert interval_of(run(**fields)) is None


def test_a_retry_keeps_the_id_and_a_cleared_run_gets_another() -> None:
    assert load_id() == load_id()
    assert load_id(clear_number=1) != load_id()


def test_runs_tables_and_intervals_have_ids_of_their_own() -> None:
    context: Any = {"dag_run": run()}
    ids = {load_id(), load_id(run_id="manual__2"), load_id(run_type="manual")}
    ids |= {load_id_of("shop", "lines", context), load_id_of("store", "orders", context)}
    assert len(ids) == 5
    assert all(len(one) == 32 for one in ids)
