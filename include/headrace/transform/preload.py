"""What a process imports once, before it forks a process a task: a forked task finds it all loaded.

No connection is opened and no thread started that a forked child would share.
"""

from __future__ import annotations

import gc
import importlib
import os
from contextlib import suppress
from pathlib import Path

from include.headrace import settings
from include.headrace.transform.profile import connection_in_environment

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
    "dbt.adapters.__about__",
    "dbt_common.clients.agate_helper",
    "include.headrace.transform.forked_runner",
    # By name, when a run begins.
    "multiprocessing.dummy",
    "babel.dates",
)
COSMOS = ("include.headrace.transform.rendering",)
LOADING = (
    "airflow.providers.snowflake.hooks.snowflake",
    "snowflake.connector.minicore",
    "pyarrow.parquet",
    "include.headrace.export.run",
    "include.headrace.transform.artifacts",
)
AIRFLOW = (
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.cache",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.version",
    "cosmos.plugin.airflow3",
)
"""What Airflow imports in a task's process, the plugins included that it loads there."""


def modules_for(argv: list[str], executor: str) -> tuple[str, ...]:
    """The modules that the Airflow component started with this command line should import.

    Tasks are forked from the scheduler where ``executor``, Airflow's setting, names the LocalExecutor, and
    from Celery's worker; DAG files are parsed in processes forked from the DAG processor. Other commands
    need nothing.
    """
    command = argv[1:3]
    if (command[:1] == ["scheduler"] and "LocalExecutor" in executor) or command == ["celery", "worker"]:
        return (*AIRFLOW, *COSMOS, *LOADING, *DBT)
    if command[:1] == ["dag-processor"]:
        return COSMOS
    return ()


def preload(argv: list[str]) -> None:
    """Import what :func:`modules_for` names, and let dbt do what it does once a process.

    Nothing where HEADRACE_DBT_RUNNER leaves the running of dbt to Cosmos.
    """
    from airflow.configuration import conf

    from include.headrace.transform.stock import is_stock

    # Its native thread pool does not survive a fork.
    os.environ.setdefault("SNOWFLAKE_DISABLE_MINICORE", "1")
    if is_stock():
        return
    modules = modules_for(argv, conf.get("core", "executor"))
    for name in modules:
        importlib.import_module(name)
    if set(DBT) <= set(modules):
        from include.headrace.transform.baked import hold_baked
        from include.headrace.transform.manifest import manifest_path
        from include.headrace.transform.parsed import hold_newest
        from include.headrace.transform.rehearsal import rehearse, rehearse_project

        rehearse()
        rehearse_project(settings.DBT_DIR)
        hold_newest()
        hold_baked(manifest_path())
        _draw_once(manifest_path())
        _mask_once()
        # What a forked task does not touch, its process shares with this one.
        gc.collect()
        gc.freeze()


def _draw_once(manifest: Path) -> None:
    """Draw a task of each kind: Airflow looks up at its first task what it then knows of the classes."""
    from include.headrace.transform.baked import read_baked
    from include.headrace.transform.rendering import build_dag

    # What is wrong with the manifest, or with the project, is for whoever draws it whole to tell.
    with suppress(Exception):
        baked = read_baked(manifest)
        of_kinds = {node.kind: baked.ids[uid] for uid, node in baked.graph.nodes.items() if node.runs}
        for task_id in of_kinds.values():
            build_dag(manifest, task_id=task_id)


def _mask_once() -> None:
    """Mask the warehouse's connection where the environment has it: for each secret that a task adds, Airflow
    compiles a pattern of all of them. It adds nothing twice."""
    from airflow.sdk.log import mask_secret

    # What is wrong with it is for the task to tell that signs in.
    with suppress(Exception):
        connection = connection_in_environment()
        for secret in (connection.password, connection.extra) if connection else ():
            if secret:
                mask_secret(secret)
