"""The Airflow pools that tasks run in. A task in a pool that does not exist waits for ever."""

from __future__ import annotations

from include.headrace.config import load_sources

DBT_POOL = "dbt"
DBT_SLOTS = 8
"""A warehouse runs 8 statements at once and queues the rest (Snowflake, MAX_CONCURRENCY_LEVEL)."""


def source_pool(source: str) -> str:
    """The pool that bounds how many tasks read a source at once."""
    return f"source__{source}"


def pool_slots() -> dict[str, int]:
    """Every pool with its slots: one a source, with the ``concurrency`` of its file, and dbt's."""
    return {source_pool(source.name): source.concurrency for source in load_sources()} | {DBT_POOL: DBT_SLOTS}
