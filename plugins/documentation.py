"""dbt's documentation in the Airflow UI, behind Airflow's own login.

dbt imports every module on its path whose name begins with ``dbt_``: no file here may.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from include.headrace.transform.docs_app import PREFIX, DocsApp

# The UI takes the address as it is, and may itself be below a path.
ADDRESS = f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}{PREFIX}/"


class DbtDocsPlugin(AirflowPlugin):
    """A page of the API server, and its entry in the UI's navigation."""

    name = "dbt_docs"
    # Airflow reads them as they are declared.
    fastapi_apps = [{"app": DocsApp(), "url_prefix": PREFIX, "name": "dbt docs"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {"name": "dbt docs", "href": ADDRESS, "destination": "nav", "url_route": "dbt-docs"}
    ]
