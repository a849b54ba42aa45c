"""What runs again when a task of the transform is cleared in the UI, and what is in the warehouse then."""

from __future__ import annotations

import pytest

from include.headrace.transform import GATHER
from tests.airflow_runs.small_platform import Run, SmallPlatform

ORDERS = {"orders.run", "orders.ids_are_unique", "orders.amounts_are_given"}
BUILT_FROM_ORDERS = {"totals.run", "totals.a_sum_is_there", "report.run", "report.publish", "archive.run"}
PART = "orders+ prices"
"""All that ends by itself."""


def fill(platform: SmallPlatform, *amounts: int | None) -> None:
    """Have orders of these amounts, and no others."""
    listed = ", ".join(f"({number}, {'null' if a is None else a})" for number, a in enumerate(amounts))
    platform.run_sql(
        "truncate table SHOP_RAW.TILL.ORDERS", f"insert into SHOP_RAW.TILL.ORDERS values {listed}"
    )


def report(platform: SmallPlatform) -> list[tuple[object, ...]]:
    return platform.rows("select ORDERS, AMOUNT from SHOP.PUBLIC.REPORT")


def changed(before: dict[str, int], run: Run) -> dict[str, int]:
    """How many tries each task had since then, without those that had none."""
    return {
        task_id: tries - before[task_id] for task_id, tries in run.tries().items() if tries != before[task_id]
    }


@pytest.fixture(scope="module")
def run(platform: SmallPlatform) -> Run:
    """A run of the part that went well."""
    fill(platform, 10, 20)
    run = platform.trigger("till_forked", PART)
    assert run.end() == "success", run.states()
    assert report(platform) == [(2, 30)]
    return run


@pytest.fixture(scope="module")
def cleared(run: Run, platform: SmallPlatform) -> dict[str, int]:
    """The run after a model and all downstream of it were cleared; how often each task was tried again."""
    fill(platform, 10, 20, 30)
    platform.run_sql("update SHOP.PUBLIC.PRICES set HIGHEST = -1")
    before = run.tries()
    run.clear(["orders.run"], downstream=True)
    assert run.end() == "success", run.states()
    return changed(before, run)


@pytest.mark.usefixtures("cleared")
def test_a_cleared_model_with_its_downstream_is_built_again_and_what_is_built_from_it(
    platform: SmallPlatform,
) -> None:
    assert report(platform) == [(3, 60)]
    # It does not read orders.
    assert platform.rows("select HIGHEST from SHOP.PUBLIC.PRICES") == [(-1,)]


def test_its_tests_and_what_hands_it_on_run_again_too_and_nothing_else(cleared: dict[str, int]) -> None:
    assert cleared == dict.fromkeys(ORDERS | BUILT_FROM_ORDERS | {GATHER}, 1)


def test_a_cleared_group_is_the_model_and_its_tests_alone(run: Run, platform: SmallPlatform) -> None:
    fill(platform, 1, 2, 3, 4)
    platform.run_sql("update SHOP.PUBLIC.REPORT set ORDERS = -1")
    assert set(run.group("orders")) == ORDERS
    before = run.tries()
    run.clear(run.group("orders"), downstream=False)
    assert run.end() == "success"
    assert changed(before, run) == dict.fromkeys(ORDERS, 1)
    assert platform.rows("select count(*), sum(AMOUNT) from SHOP.PUBLIC.ORDERS") == [(4, 10)]
    assert platform.rows("select ORDERS from SHOP.PUBLIC.REPORT") == [(-1,)]


def test_a_cleared_failed_test_with_its_downstream_is_run_again_and_then_what_it_held_back(
    platform: SmallPlatform,
) -> None:
    fill(platform, 5, None)
    platform.run_sql("create or replace table SHOP.PUBLIC.REPORT as select -1 as ORDERS, -1 as AMOUNT")
    run = platform.trigger("till_forked", PART)
    assert run.end() == "failed"
    states = run.states()
    assert {task_id for task_id, state in states.items() if state == "failed"} == {"orders.amounts_are_given"}
    held_back = {task_id for task_id, state in states.items() if state == "upstream_failed"}
    assert held_back == BUILT_FROM_ORDERS
    assert report(platform) == [(-1, -1)]
    platform.run_sql("update SHOP.PUBLIC.ORDERS set AMOUNT = 6 where AMOUNT is null")
    before = run.tries()
    run.clear(["orders.amounts_are_given"], downstream=True)
    assert run.end() == "success"
    again = {"orders.amounts_are_given", *BUILT_FROM_ORDERS, GATHER}
    assert changed(before, run) == dict.fromkeys(again, 1)
    assert report(platform) == [(2, 11)]
