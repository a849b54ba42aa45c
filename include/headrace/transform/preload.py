"""What a process imports once, before it forks a process a task: a forked task finds it all loaded.

Only imports: no connection is opened and no thread started that a forked child would share.
"""

from __future__ import annotations

import importlib
import os

DBT = (
    "dbt.cli.main",
    "dbt.adapters.snowflake",
    "dbt.parser.manifest",
    "dbt.task.run",
    "dbt.task.test",
    "dbt.task.seed",
    "dbt.task.snapshot",
    "dbt.task.freshness",
    "dbt.task.build",
    "dbt.compilation",
    "agate",
)
COSMOS = ("include.headrace.transform.rendering",)
LOADING = ("snowflake.connector", "pyarrow.parquet")


def modules_for(argv: list[str]) -> tuple[str, ...]:
    """The modules that the Airflow component started with this command line should import.

    Tasks are forked from the scheduler (LocalExecutor) and from Celery's worker, DAG files are parsed
    in processes forked from the DAG processor. Other commands need nothing.
    """
    command = argv[1:3]
    if command[:1] == ["scheduler"] or command == ["celery", "worker"]:
        return (*COSMOS, *LOADING, *DBT)
    if command[:1] == ["dag-processor"]:
        return COSMOS
    return ()


def preload(argv: list[str]) -> None:
    """Import what :func:`modules_for` names."""
    # Its native thread pool does not survive a fork.
    os.environ.setdefault("SNOWFLAKE_DISABLE_MINICORE", "1")
    for name in modules_for(argv):
        importlib.import_module(name)
