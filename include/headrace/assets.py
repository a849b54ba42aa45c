"""The Airflow assets that say a source was loaded: ingestion emits them, the transform waits for them."""

from __future__ import annotations

from airflow.sdk import Asset


def asset_of(source: str) -> Asset:
    """The asset that says a source was loaded. Its name is equal in every environment."""
    return Asset(name=f"raw.{source}", uri=f"headrace://raw/{source}")
