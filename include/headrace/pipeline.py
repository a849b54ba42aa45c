"""A source file becomes an Airflow DAG: two tasks a table, then the source's asset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    DAG,
    Asset,
    CronDataIntervalTimetable,
    DeltaDataIntervalTimetable,
    Param,
    TaskGroup,
)

from include.headrace.assets import asset_of
from include.headrace.names import fold
from include.headrace.notify import notify_failure
from include.headrace.operators import (
    ALLOW_SHRINK,
    ExtractToStageOperator,
    LoadToTableOperator,
    PublishOperator,
)
from include.headrace.pools import source_pool
from include.headrace.settings import SNOWFLAKE_CONN_ID, schedules_on

if TYPE_CHECKING:
    from include.headrace.config import AnySource, Schedule

START = datetime(2024, 1, 1, tzinfo=UTC)
"""Start date of every DAG. Nothing catches up by itself, so it only has to lie in the past."""

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "headrace",
    "retries": 3,
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(hours=6),
    "on_failure_callback": notify_failure,
}


def dag_id_of(source: str) -> str:
    """The id of a source's ingestion DAG."""
    return f"ingest__{source}"


def timetable_of(schedule: Schedule | None) -> Any:
    """What Airflow takes as ``schedule``: real data intervals for cron and interval, assets, or None.

    Time schedules are left out when HEADRACE_SCHEDULES is ``off``.
    """
    if schedule is None:
        return None
    if schedule.assets:
        # By name alone: an asset made here would have another URI than the one that is emitted.
        return [Asset.ref(name=name) for name in schedule.assets]
    if not schedules_on():
        return None
    if schedule.interval is not None:
        return DeltaDataIntervalTimetable(schedule.interval)
    return CronDataIntervalTimetable(str(schedule.cron), timezone=schedule.timezone)


def ingestion_dag(source: AnySource) -> DAG:
    """The DAG of one source file: a group a table (extract, load), then the asset."""
    asset = asset_of(source.name)
    dag = DAG(
        dag_id=dag_id_of(source.name),
        schedule=timetable_of(source.schedule),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args={**DEFAULT_ARGS, "pool": source_pool(source.name)},
        tags=sorted({"ingest", source.kind, *source.tags, *(tag for t in source.tables for tag in t.tags)}),
        params=_params(source),
        doc_md=_doc(source),
    )
    with dag:
        publish = PublishOperator(
            # No table folds to a name with a hyphen, so no group has this id.
            task_id="publish-asset",
            asset=asset,
            load_task_ids=[f"{_group_id(table.name)}.load" for table in source.tables],
            outlets=[asset],
        )
        for table in source.tables:
            with TaskGroup(group_id=_group_id(table.name), tooltip=f"{table.name}, {table.disposition}"):
                shared: dict[str, Any] = {
                    "source": source.name,
                    "table": table.name,
                    "snowflake_conn_id": SNOWFLAKE_CONN_ID,
                }
                # A pool bounds tasks, and a table that several readers share is as many.
                extract = ExtractToStageOperator(
                    task_id="extract", pool_slots=getattr(table, "readers", 1), **shared
                )
                load = LoadToTableOperator(task_id="load", extract_task_id=extract.task_id, **shared)
                extract >> load >> publish
    return dag


def _params(source: AnySource) -> dict[str, Any]:
    """The run's parameters, for sources with a table from which a load can take rows away."""
    if not any(t.disposition == "replace" or (t.deletes and t.deletes.compare_keys) for t in source.tables):
        return {}
    return {
        ALLOW_SHRINK: Param(
            default=False,
            type="boolean",
            title="Let tables shrink",
            description="For this run: let loads leave a table empty, or smaller than its max_shrink allows. "
            "Check first that the source is right.",
        )
    }


def _group_id(table: str) -> str:
    return fold(table).lower()


def _doc(source: AnySource) -> str:
    tables = "\n".join(
        f"| {t.name} | {t.disposition} | {', '.join(t.primary_key) or '-'} | {t.cursor or '-'} |"
        for t in source.tables
    )
    return (
        f"Loads `include/sources/{source.name}.yml` ({source.kind}) into the schema "
        f"`{fold(source.name)}` of RAW.\n\n"
        f"| table | disposition | key | cursor |\n|---|---|---|---|\n{tables}\n"
    )
