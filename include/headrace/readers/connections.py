"""Airflow connections that a source file names: one that is missing is an error that says where to add it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from include.headrace.errors import SourceError


@contextmanager
def named(connection_id: str, field: str = "connection") -> Iterator[None]:
    """Ask Airflow for a connection in this block; ``field`` is the source file's that names it.

    Raises SourceError in place of Airflow's error for a connection that there is not.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    try:
        yield
    except AirflowNotFoundException:
        raise SourceError(
            f"There is no Airflow connection {connection_id!r}, which `{field}` names; add it in the UI, in "
            f"airflow_settings.yaml, or as AIRFLOW_CONN_{connection_id.upper()}."
        ) from None
