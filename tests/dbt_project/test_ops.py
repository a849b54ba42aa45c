"""What is known of runs: the rows are those that the fixture loads before each of its two runs."""

from __future__ import annotations

from datetime import datetime

from tests.dbt_project.conftest import History


def test_what_a_later_load_brings_is_added_to_what_an_earlier_one_brought(history: History) -> None:
    rows = history.rows(
        "select run_id, task_id, try_number, status, failing_rows, rows_written, load_id "
        "from ANALYTICS.OPS.OPS_NODES order by ended_at"
    )
    assert rows == [
        ("one", "orders.run", 1, "error", None, None, "dbt-1"),
        ("one", "stg_orders.run", 1, "success", None, 5, "dbt-1"),
        ("one", "orders.run", 2, "success", None, 7, "dbt-2"),
        ("one", "orders.is_whole", 1, "pass", 0, None, "dbt-2"),
        ("two", "orders.is_whole", 1, "fail", 3, None, "dbt-3"),
    ]


def test_a_nodes_seconds_are_told_apart(history: History) -> None:
    rows = history.rows("select distinct compile_seconds, execute_seconds from ANALYTICS.OPS.OPS_NODES")
    assert rows == [(1.0, 3.0)]


def test_a_run_is_as_the_last_try_of_each_task_left_it(history: History) -> None:
    rows = history.rows(
        "select run_id, status, nodes, tests, failed, tried_again, rows_written, busy_seconds, "
        "elapsed_seconds, ended_at from ANALYTICS.OPS.OPS_RUNS order by run_id"
    )
    assert [(*row[:8], float(row[8]), row[9]) for row in rows] == [
        ("one", "passed", 3, 1, 0, 1, 12, 10.5, 3604.0, datetime(2024, 1, 1, 11, 0, 9)),
        ("two", "failed", 1, 1, 1, 0, None, 1.5, 4.0, datetime(2024, 1, 2, 10, 0, 4)),
    ]


def test_tests_are_told_with_what_they_found(history: History) -> None:
    rows = history.rows(
        "select run_id, test_name, is_unit_test, status, failing_rows from ANALYTICS.OPS.OPS_TESTS "
        "order by run_id"
    )
    assert rows == [("one", "is_whole", False, "pass", 0), ("two", "is_whole", False, "fail", 3)]


def test_timings_are_those_of_all_runs(history: History) -> None:
    rows = history.rows(
        "select unique_id, executions, mean_seconds, median_seconds, most_seconds, mean_execute_seconds "
        "from ANALYTICS.OPS.OPS_TIMINGS order by unique_id"
    )
    assert rows == [
        ("model.shop.orders", 2, 3.5, 3.5, 3.5, 3.0),
        ("model.shop.stg_orders", 1, 3.5, 3.5, 3.5, 3.0),
        ("test.shop.is_whole", 2, 2.5, 2.5, 3.5, 3.0),
    ]
