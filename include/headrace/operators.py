"""The two Airflow operators of a load: extract to the stage, and load to the table.

They hold no logic of their own: they gather what the run knows, call the modules that do the
work, and tell Airflow whether a retry can help.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from include.headrace import settings
from include.headrace.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import DagRunProtocol

    from include.headrace.config import AnySource, Table
    from include.headrace.ledger import TaskRef

LOAD_ID_NAMESPACE = uuid.UUID("5a1b0c1e-0f6b-5d0a-9d53-6f1d3b7f9a11")
"""Namespace of load ids: any fixed value, so that a retry computes the id its first try had."""

ALLOW_SHRINK = "allow_shrink"
"""The parameter of a run that lets its loads take away any share of a table's rows."""


@contextmanager
def permanent_errors_fail_at_once() -> Iterator[None]:
    """Turn a PermanentError into the exception that stops Airflow from retrying."""
    try:
        yield
    except PermanentError as error:
        raise AirflowFailException(str(error)) from error


def interval_of(run: DagRunProtocol) -> tuple[datetime, datetime] | None:
    """The data interval that a run loads; None for one that loads from the watermark.

    Only scheduled and backfilled runs have one that means something: for a run started by hand with a
    logical date Airflow infers the last interval that ended.
    """
    start, end = run.data_interval_start, run.data_interval_end
    if run.run_type not in ("scheduled", "backfill") or start is None or end is None or start >= end:
        return None
    return start, end


def load_id_of(source: str, table: str, context: Context) -> str:
    """The id of the load that this run makes of a table, 32 hexadecimal digits.

    A retry keeps it; a cleared run, which has a higher clear number, gets a new one.
    """
    run = context["dag_run"]
    interval = interval_of(run)
    covers = "/".join(moment.isoformat() for moment in interval) if interval else "watermark"
    parts = (source, table, covers, run.run_id, str(run.clear_number or 0))
    return uuid.uuid5(LOAD_ID_NAMESPACE, "\n".join(parts)).hex


class TableOperator(BaseOperator):
    """What both operators share: which table of which source, and how to reach Snowflake.

    ``source`` and ``table`` are names as in ``include/sources``; the file is read when the task
    runs, so the DAG carries no copy of it.
    """

    def __init__(self, *, source: str, table: str, snowflake_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.table = table
        self.snowflake_conn_id = snowflake_conn_id

    def _read_config(self) -> tuple[AnySource, Table]:
        from include.headrace.config import load_source

        source = load_source(settings.SOURCES_DIR / f"{self.source}.yml")
        table = next((table for table in source.tables if table.name == self.table), None)
        if table is None:
            raise PermanentError(
                f"include/sources/{self.source}.yml has no table {self.table!r} any more; "
                "the DAG is refreshed by itself."
            )
        return source, table

    def _task(self, context: Context) -> TaskRef:
        from include.headrace.ledger import TaskRef

        ti = context["ti"]
        return TaskRef(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, try_number=ti.try_number)

    def _sessions(self, context: Context, load_id: str) -> Any:
        from include.headrace.session import query_tag, sessions

        task = self._task(context)
        tag = query_tag(dag_id=task.dag_id, task_id=task.task_id, run_id=task.run_id, load_id=load_id)
        return sessions(self.snowflake_conn_id, tag)


class ExtractToStageOperator(TableOperator):
    """Read one table of a source and put it into the source's stage as Parquet files.

    Returns the load's id and the attempt's id (XCom); the manifest is in the ledger.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """Run one try. Raises AirflowFailException for what no retry can mend."""
        from include.headrace.extract import Extract
        from include.headrace.manifest import LoadIds
        from include.headrace.workspace import working_folder

        with permanent_errors_fail_at_once():
            source, table = self._read_config()
            load_id = load_id_of(self.source, self.table, context)
            ids = LoadIds(self.source, self.table, load_id, uuid.uuid4().hex)
            run = context["dag_run"]
            with working_folder() as folder:
                manifest = Extract(
                    open_session=self._sessions(context, load_id),
                    database=settings.raw_database(),
                    ids=ids,
                    source=source,
                    table=table,
                    task=self._task(context),
                    interval=interval_of(run),
                    backfill=run.run_type == "backfill",
                    folder=folder,
                ).run()
            self.log.info(
                "%s.%s: %s rows extracted, %s staged in %s files, %s set aside, %s discarded",
                self.source,
                self.table,
                manifest.rows_extracted,
                manifest.rows_staged,
                len(manifest.files_of("rows")),
                manifest.rows_quarantined,
                manifest.rows_discarded,
            )
            return {"load_id": ids.load_id, "attempt_id": ids.attempt_id}


class LoadToTableOperator(TableOperator):
    """Apply what the extract task of the same group staged to the table in RAW, exactly once."""

    def __init__(self, *, extract_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extract_task_id = extract_task_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Run one try; returns the row counts of the load. Raises AirflowFailException for what
        no retry can mend."""
        from include.headrace.load import Load
        from include.headrace.manifest import LoadIds

        with permanent_errors_fail_at_once():
            _, table = self._read_config()
            staged = context["ti"].xcom_pull(task_ids=self.extract_task_id)
            if not isinstance(staged, dict):
                raise PermanentError(
                    f"Task {self.extract_task_id} left no load id in this run; clear it, "
                    "and this task runs after it."
                )
            row = Load(
                open_session=self._sessions(context, staged["load_id"]),
                database=settings.raw_database(),
                ids=LoadIds(self.source, self.table, staged["load_id"], staged["attempt_id"]),
                table=table,
                task=self._task(context),
                allow_shrink=bool(context["params"].get(ALLOW_SHRINK)),
            ).run()
            counts = {name: int(value) for name, value in row.items() if name.startswith("rows_")}
            self.log.info(
                "Load %s of %s.%s is committed: %s", row["load_id"], self.source, self.table, counts
            )
            return {"load_id": row["load_id"], **counts}


class PublishOperator(BaseOperator):
    """Say that a source was loaded: emits its asset, with the rows each table got as the extra.

    It runs on every success, rows or none, so that what waits for several sources is never left
    waiting by one that had nothing new.
    """

    def __init__(self, *, asset: Asset, load_task_ids: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asset = asset
        self.load_task_ids = load_task_ids

    def execute(self, context: Context) -> None:
        """Fill the extra of the asset's event."""
        results = {task_id: context["ti"].xcom_pull(task_ids=task_id) for task_id in self.load_task_ids}
        context["outlet_events"][self.asset].extra = {
            task_id.removesuffix(".load"): dict(result or {}) for task_id, result in results.items()
        }


class SweepOperator(BaseOperator):
    """Remove what loads left behind in stages, in the ledger's schema and on this worker's disk.

    ``older_than`` is how old what was never committed must be, such as ``7d``; it may be a template.
    """

    template_fields = ("older_than",)

    def __init__(self, *, snowflake_conn_id: str, older_than: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snowflake_conn_id = snowflake_conn_id
        self.older_than = older_than

    def execute(self, context: Context) -> dict[str, int]:
        """Sweep once; returns how many of each kind went. Raises AirflowFailException for what no
        retry can mend."""
        from include.headrace.config.durations import parse_duration
        from include.headrace.session import query_tag, sessions
        from include.headrace.sweep import Sweep
        from include.headrace.workspace import remove_abandoned

        with permanent_errors_fail_at_once():
            try:
                age = parse_duration(self.older_than)
            except ValueError as error:
                raise ConfigError(f"The parameter older_than {error}.") from None
            ti = context["ti"]
            tag = query_tag(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id)
            folders = remove_abandoned()
            removed = Sweep(sessions(self.snowflake_conn_id, tag), settings.raw_database(), age).run()
        tables = sum(one.kind == "table" for one in removed)
        counts = {"stage_paths": len(removed) - tables, "tables": tables, "folders": len(folders)}
        self.log.info("Swept: %s", counts)
        return counts
