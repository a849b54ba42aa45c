"""The task that documents the dbt project."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from include.headrace import settings
from include.headrace.operators import permanent_errors_fail_at_once


class MakeDocs(BaseOperator):
    """Has dbt make its documentation, and puts it where the UI's page ``dbt docs`` reads it."""

    def execute(self, context: Any) -> str:
        """Make and keep it; returns its place. Raises AirflowFailException for what no retry can mend."""
        from include.headrace.transform.docs_site import keep_docs, make_docs
        from include.headrace.transform.profile import login_of

        with permanent_errors_fail_at_once():
            page = make_docs(login_of(settings.SNOWFLAKE_CONN_ID))
            place = keep_docs(page, settings.docs_location())
        self.log.info("The page is %s", place)
        return place
