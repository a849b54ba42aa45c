"""The dbt project as Airflow tasks."""

TRANSFORM = "transform"
"""The id of the DAG."""

OPS = "ops"
"""The id of the DAG that builds what is known of the runs of TRANSFORM."""

SELECT = "select"
"""The name of the DAG's parameter that names a part of the project, and the id of the task that reads it."""

WARNING_XCOM = "dbt_warning"
"""The key under which a task that warned pushes the number of its failing rows."""

GATHER = "gather"
"""The id of the task that loads what a run's tasks did."""

NODE_XCOM = "dbt_node"
"""The key under which a task pushes what its node did, for the task GATHER."""

ARTIFACTS = "dbt"
"""What that task loads as: its source in the ledger, and its schema in RAW."""
