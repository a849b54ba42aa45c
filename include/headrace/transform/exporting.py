"""The tasks that hand a finished mart on: they emit its asset, and write a public one to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.headrace import settings
from include.headrace.operators import permanent_errors_fail_at_once
from include.headrace.transform import WARNING_XCOM

if TYPE_CHECKING:
    from include.headrace.session import Session


class PublishMart(BaseOperator):
    """Says that a mart was built and tested: emits its asset, with its rows and its tests' results.

    ``model`` is the mart's name. ``database`` None is the one that dbt builds. ``tests`` are the task ids of
    all tests that read the mart, each with whether it can find rows and not fail. The task has one outlet,
    the asset, and runs only after the mart and all of these have succeeded.
    """

    def __init__(
        self,
        *,
        model: str,
        database: str | None,
        schema: str,
        alias: str,
        tests: Mapping[str, bool],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.database = database
        self.schema = schema
        self.alias = alias
        self.tests = tests

    def execute(self, context: Any) -> dict[str, Any]:
        """Run one try; returns what the asset's event tells: model, relation, rows, tests.

        Raises AirflowFailException for what no retry can mend.
        """
        with permanent_errors_fail_at_once():
            facts = self.deliver(context)
        tests = {task_id: self._result(context, task_id) for task_id in self.tests}
        told = {"model": self.model, "relation": ".".join(self.relation()), **facts, "tests": tests}
        context["outlet_events"][self.outlets[0]].extra = told
        return told

    def deliver(self, context: Any) -> dict[str, Any]:
        """What is done with the mart, and its rows: here they are counted."""
        from include.headrace.names import quote

        session = self.open_session(context)()
        try:
            [found] = session.query(f"SELECT COUNT(*) AS N FROM {quote(*self.relation())}")
        finally:
            session.close()
        self.log.info("%s: %s rows", self.model, found["n"])
        return {"rows": int(found["n"])}

    def relation(self) -> tuple[str, str, str]:
        """Database, schema and name of the mart, as they are stored."""
        return (self.database or settings.analytics_database(), self.schema, self.alias.upper())

    def open_session(self, context: Any) -> Callable[[], Session]:
        """A function that opens a session tagged with this task."""
        from include.headrace.session import query_tag, sessions

        ti = context["ti"]
        tag = query_tag(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id)
        return sessions(settings.SNOWFLAKE_CONN_ID, tag)

    def _result(self, context: Any, task_id: str) -> dict[str, Any]:
        """What a test found in this run. It has succeeded, or this task would not run."""
        found = context["ti"].xcom_pull(task_ids=task_id, key=WARNING_XCOM) if self.tests[task_id] else None
        return {"status": "pass" if found is None else "warn", "failing_rows": int(found or 0)}


class ExportMart(PublishMart):
    """Exports a mart as Parquet and CSV, whole and counted, below HEADRACE_EXPORTS; then emits its asset.

    ``model`` is the folder's and the files' name too. ``key`` are the columns that order the rows first.
    """

    def __init__(self, *, key: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key = key

    def deliver(self, context: Any) -> dict[str, Any]:
        """Export the mart; its rows, the bytes of both files, and the location of the version."""
        from include.headrace.export.place import Place
        from include.headrace.export.run import Export

        place = Place(settings.exports_location(), self.model)
        manifest = Export(
            open_session=self.open_session(context),
            place=place,
            model=self.model,
            relation=self.relation(),
            key=tuple(self.key),
            run_id=context["ti"].run_id,
        ).run()
        size = sum(file["bytes"] for file in manifest["files"].values())
        location = f"{place.location}/{manifest['version']}"
        self.log.info("%s: %s rows, %s bytes in %s", self.model, manifest["rows"], size, location)
        return {"rows": manifest["rows"], "bytes": size, "location": location}
