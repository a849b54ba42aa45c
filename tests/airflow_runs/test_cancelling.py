"""However a running task is ended, its query ends in the warehouse, and what was there is there still."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.airflow_runs.small_platform import Run, SmallPlatform

ALL = ("marked_failed", "marked_success", "out_of_time", "terminated")
FEW = ("marked_failed", "out_of_time")
CANCELED = "000604"


@dataclass(frozen=True)
class Ended:
    """A run of models that do not end by themselves, after each was ended. ``begun`` counts the queries that
    built a model before."""

    platform: SmallPlatform
    run: Run
    models: tuple[str, ...]
    begun: dict[str, int]

    def outcomes(self, model: str) -> list[str | None]:
        """The error codes of the run's queries that built a model; None for one that went well."""
        return builds(self.platform, model)[self.begun[model] :]


def builds(platform: SmallPlatform, model: str) -> list[str | None]:
    """The error codes of all queries that built a model and are over."""
    found = platform.rows(
        "select error_code from table(information_schema.query_history()) "
        f"where query_text like '%sum(a.v * b.v%' and query_text like '%PUBLIC.{model}%' "
        "and query_text not like '%query_history%' order by start_time"
    )
    return [code for (code,) in found]


def building(platform: SmallPlatform) -> set[str]:
    """The relations that are being written, by the names of their models."""
    return {str(row[0]).rpartition(".")[2].lower() for row in platform.rows("show locks in account")}


def terminate(platform: SmallPlatform, run: Run) -> None:
    """End the process of the task, whose next try will not be endless."""
    platform.run_sql("delete from SHOP_RAW.TILL.SWITCHES where NAME = 'terminated'")
    os.kill(run.tasks()["terminated.run"]["pid"], signal.SIGTERM)


@pytest.fixture(
    scope="module",
    params=[("till_forked", ALL), ("till_warm", FEW)],
    ids=["forked", "warm"],
)
def ended(request: pytest.FixtureRequest, platform: SmallPlatform) -> Ended:
    dag_id, models = request.param
    platform.run_sql("truncate table SHOP_RAW.TILL.SWITCHES")
    for model in models:
        platform.run_sql(
            f"create or replace table SHOP.PUBLIC.{model} as select 1 as TOTAL",
            f"insert into SHOP_RAW.TILL.SWITCHES values ('{model}')",
        )
    begun = {model: len(builds(platform, model)) for model in models}
    run = platform.trigger(dag_id, " ".join(models))
    ends: dict[str, Callable[[], None]] = {
        "marked_failed": lambda: run.mark("marked_failed.run", "failed"),
        "marked_success": lambda: run.mark("marked_success.run", "success"),
        "out_of_time": lambda: None,
        "terminated": lambda: terminate(platform, run),
    }
    running = set(models)

    def end_what_runs() -> bool:
        for model in building(platform) & running:
            running.remove(model)
            ends[model]()
        return not running

    platform.until(end_what_runs, f"{running} do not run")
    run.end()
    return Ended(platform, run, models, begun)


def test_the_query_ends_in_the_warehouse(ended: Ended) -> None:
    wanted = {model: [CANCELED] for model in ended.models} | (
        {"terminated": [CANCELED, None]} if "terminated" in ended.models else {}
    )
    ended.platform.until(
        lambda: {model: ended.outcomes(model) for model in ended.models} == wanted,
        "a query was not cancelled, or was run again",
    )


def test_what_was_there_before_is_there_and_nothing_half_built(ended: Ended) -> None:
    ended.platform.until(lambda: not building(ended.platform), "a relation is still held")
    for model in set(ended.models) - {"terminated"}:
        assert ended.platform.rows(f"select * from SHOP.PUBLIC.{model}") == [(1,)]
    tables = ended.platform.rows("select TABLE_NAME from SHOP.INFORMATION_SCHEMA.TABLES")
    assert not [name for (name,) in tables if "TMP" in name or "BACKUP" in name]


def test_the_task_is_what_it_was_ended_as(ended: Ended) -> None:
    wanted = {"marked_failed": "failed", "marked_success": "success", "out_of_time": "failed"}
    states, tries = ended.run.states(), ended.run.tries()
    for model in set(ended.models) - {"terminated"}:
        assert states[f"{model}.run"] == wanted[model]
        assert tries[f"{model}.run"] == 1


def test_a_model_that_is_tried_again_is_tested_after_that_try_and_only_then(ended: Ended) -> None:
    if "terminated" not in ended.models:
        pytest.skip("one runner is enough: who retries is Airflow")
    tasks = ended.run.tasks()
    model, test = tasks["terminated.run"], tasks["terminated.a_total_is_there"]
    assert (model["state"], model["try_number"]) == ("success", 2)
    assert (test["state"], test["try_number"]) == ("success", 1)
    assert test["start_date"] > model["end_date"]
    assert ended.platform.rows("select * from SHOP.PUBLIC.TERMINATED") == [(0,)]
