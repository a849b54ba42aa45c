"""The ingestion DAG of these tests' source, and a DAG that follows its asset."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from include.headrace import settings
from include.headrace.assets import asset_of
from include.headrace.config import load_source
from include.headrace.pipeline import ingestion_dag

# Its tasks read the file again. Airflow reads this one in a process of its own, and each task does.
settings.SOURCES_DIR = Path(os.environ["TILL_SOURCES"])
dag = ingestion_dag(load_source(settings.SOURCES_DIR / "till.yml"))

with DAG(dag_id="after_till", schedule=asset_of("till")):
    EmptyOperator(task_id="follow")
