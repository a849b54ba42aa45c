"""The task that writes a public mart to files."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from include.headrace import settings
from include.headrace.operators import permanent_errors_fail_at_once


class ExportMart(BaseOperator):
    """Exports one relation as Parquet and CSV, whole and counted, below HEADRACE_EXPORTS.

    ``model`` is the folder's and the files' name. ``database`` None is the one that dbt builds. ``key``
    are the columns that order the rows first.
    """

    def __init__(
        self,
        *,
        model: str,
        database: str | None,
        schema: str,
        alias: str,
        key: tuple[str, ...],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.database = database
        self.schema = schema
        self.alias = alias
        self.key = key

    def execute(self, context: Any) -> dict[str, Any]:
        """Run one try; returns model, rows, bytes of both files, and the location of the version.

        Raises AirflowFailException for what no retry can mend.
        """
        from include.headrace.export.place import Place
        from include.headrace.export.run import Export
        from include.headrace.session import query_tag, sessions

        ti = context["ti"]
        tag = query_tag(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id)
        with permanent_errors_fail_at_once():
            place = Place(settings.exports_location(), self.model)
            manifest = Export(
                open_session=sessions(settings.SNOWFLAKE_CONN_ID, tag),
                place=place,
                model=self.model,
                relation=(self.database or settings.analytics_database(), self.schema, self.alias.upper()),
                key=tuple(self.key),
                run_id=ti.run_id,
            ).run()
        size = sum(file["bytes"] for file in manifest["files"].values())
        location = f"{place.location}/{manifest['version']}"
        self.log.info("%s: %s rows, %s bytes in %s", self.model, manifest["rows"], size, location)
        return {"model": self.model, "rows": manifest["rows"], "bytes": size, "location": location}
