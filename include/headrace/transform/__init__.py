"""The dbt project as Airflow tasks."""

TRANSFORM = "transform"
"""The id of the DAG."""

WARNING_XCOM = "dbt_warning"
"""The key under which a task that warned pushes the number of its failing rows."""
