"""``make bench-transform``: a task a model and a test, beside other ways to run the same dbt project."""
