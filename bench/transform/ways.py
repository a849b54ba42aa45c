"""The ways to run a dbt project that are measured side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DAGS = Path(__file__).parent / "dags"
BARE = "dbt build"
FLOOR = "empty tasks"
OURS = "headrace forked"
PART = "headrace forked, a part"
WARM = "headrace warm"
COMMAND = "headrace subprocess"
STOCK = "Cosmos LOCAL"
WATCHER = "Cosmos WATCHER"


@dataclass(frozen=True)
class Way:
    """One way. ``dags`` is the folder of its DAG file, None where Airflow takes no part."""

    name: str
    what: str
    dags: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    """Measured in the first round alone."""
    select: str = ""
    """The run's parameter of that name."""
    only: str = ""
    """The projects it is measured on: those whose names begin so."""
    cosmos_alone: bool = False
    """Nothing of ours takes part: it defers to a triggerer, and dbt signs in by what the environment says."""


WAYS = (
    Way(BARE, "one command with as many threads as Airflow has slots"),
    Way(FLOOR, "the same graph, each task does nothing", DAGS / "empty"),
    Way(OURS, "a task a model and a test", DAGS / "ours", {"HEADRACE_DBT_RUNNER": "forked"}),
    Way(
        PART,
        "the models without parents, and their tests",
        DAGS / "ours",
        {"HEADRACE_DBT_RUNNER": "forked"},
        select="tag:first",
        only="models_",
    ),
    Way(WARM, "the same", DAGS / "ours", {"HEADRACE_DBT_RUNNER": "warm"}, once=True),
    Way(
        WATCHER,
        "one `dbt build`; a task a model waits for it, tests one task a model",
        DAGS / "watcher",
        {"HEADRACE_DBT_RUNNER": "cosmos"},
        once=True,
        cosmos_alone=True,
    ),
    Way(STOCK, "a task a model and a test", DAGS / "ours", {"HEADRACE_DBT_RUNNER": "cosmos"}, once=True),
    Way(COMMAND, "the same", DAGS / "ours", {"HEADRACE_DBT_RUNNER": "subprocess"}, once=True, only="demo"),
)
