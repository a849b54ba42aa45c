"""Cosmos's WATCHER mode as it comes: one producer that builds everything, and a sensor a model."""

from __future__ import annotations

import os

from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode

from include.headrace import settings
from include.headrace.transform.manifest import manifest_path

project = settings.DBT_DIR
dag = DbtDag(
    dag_id=os.environ["BENCH_DAG"],
    schedule=None,
    catchup=False,
    project_config=ProjectConfig(project, manifest_path=manifest_path(project), install_dbt_deps=False),
    profile_config=ProfileConfig(
        profile_name="headrace", target_name="local", profiles_yml_filepath=project / "profiles.yml"
    ),
    execution_config=ExecutionConfig(execution_mode=ExecutionMode.WATCHER),
    render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST),
    operator_args={"install_deps": False, "append_env": True},
)
