"""The Airflow assets: ingestion says that a source was loaded, the transform that a mart is built and tested.

Their names are equal in every environment, so a DAG that is scheduled on one runs in each.
"""

from __future__ import annotations

from airflow.sdk import Asset


def asset_of(source: str) -> Asset:
    """The asset that says a source was loaded, ``raw.<source>``; the transform waits for all of them."""
    return Asset(name=f"raw.{source}", uri=f"headrace://raw/{source}")


def mart_asset(model: str) -> Asset:
    """The asset that says a mart was built and has passed every test that reads it, ``mart.<model>``."""
    return Asset(name=f"mart.{model}", uri=f"headrace://mart/{model}")
