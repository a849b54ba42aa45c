"""One Airflow DAG for each file in include/sources."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from include.headrace.config import load_source, source_names
from include.headrace.pipeline import dag_id_of, ingestion_dag
from include.headrace.settings import SOURCES_DIR

# A running task asks for its own DAG alone, and gets it without the others being built.
wanted = get_parsing_context().dag_id

for name in source_names():
    if wanted in (None, dag_id_of(name)):
        dag = ingestion_dag(load_source(SOURCES_DIR / f"{name}.yml"))
        globals()[dag.dag_id] = dag
