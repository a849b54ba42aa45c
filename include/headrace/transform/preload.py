"""What a process imports once, before it forks a process a task: a forked task finds it all loaded.

Only imports: no connection is opened and no thread started that a forked child would share.
"""

from __future__ import annotations

import importlib
import inspect
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
    modules = modules_for(argv)
    for name in modules:
        importlib.import_module(name)
    if set(DBT) <= set(modules):
        _compile_lazy_code()


def _compile_lazy_code() -> None:
    """Do what dbt does at first use in each process: nearly a second of a task's time otherwise.

    dbt builds a JSON schema for each file it validates and compiles the code that reads a manifest;
    its flags look through the source files of all imported modules. The results stay in memory.
    """
    from dbt.adapters.snowflake.connections import SnowflakeCredentials
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
    from dbt.contracts.selection import SelectorFile
    from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder
    from dbt.task.test import TestResultData

    validated = (SnowflakeCredentials, Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags)
    for contract in (*validated, SelectorFile, TestResultData):
        contract.json_schema()
    Manifest.from_msgpack(
        Manifest().to_msgpack(extended_mashumaro_encoder), decoder=extended_mashumuro_decoder
    )
    inspect.stack()
