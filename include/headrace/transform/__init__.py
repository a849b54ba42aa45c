"""The dbt project as Airflow tasks."""

TRANSFORM = "transform"
"""The id of the DAG."""

SELECT = "select"
"""The name of the DAG's parameter that names a part of the project, and the id of the task that reads it."""

WARNING_XCOM = "dbt_warning"
"""The key under which a task that warned pushes the number of its failing rows."""
