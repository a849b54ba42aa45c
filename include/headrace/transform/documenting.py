"""The task that documents the dbt project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.headrace import settings
from include.headrace.operators import permanent_errors_fail_at_once

if TYPE_CHECKING:
    from include.headrace.transform.dbt_process import DbtProcess


class MakeDocs(BaseOperator):
    """Has dbt make its documentation, and puts it where the UI's page ``dbt docs`` reads it."""

    _dbt: DbtProcess | None = None

    def execute(self, context: Any) -> str:
        """Make and keep it; returns its place. Raises AirflowFailException for what no retry can mend."""
        from include.headrace.transform.dbt_process import DbtProcess
        from include.headrace.transform.docs_site import keep_docs, make_docs
        from include.headrace.transform.profile import login_of

        self._dbt = DbtProcess()
        with permanent_errors_fail_at_once():
            page = make_docs(login_of(settings.SNOWFLAKE_CONN_ID), dbt=self._dbt)
            place = keep_docs(page, settings.docs_location())
        self.log.info("The page is %s", place)
        return place

    def on_kill(self) -> None:
        """Stop dbt and its queries with the task."""
        if self._dbt is not None:
            self._dbt.cancel()
