from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from include.headrace.transform.rendering import build_dag
from tests.transform.conftest import SAMPLE
from tests.transform.manifests import generic, manifest_of, model

MODELS = 1_000
TESTS_OF_EACH = 3
LARGEST_DAG = 16 * 1024 * 1024
"""Bytes. Airflow has no limit of its own; so much is a packet of MySQL as Airflow's metadata often is kept in
(max_allowed_packet of MariaDB)."""


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> DAG:
    """A project of many models, each read by the next and the next but ten, in three layers."""
    folder = tmp_path_factory.mktemp("large")
    entries: list[dict[str, Any]] = []
    for number in range(MODELS):
        layer = ("staging", "intermediate", "marts")[number * 3 // MODELS]
        name = f"m{number:04}"
        parents = [f"m{before:04}" for before in (number - 10, number - 1) if before >= 0]
        entries.append({**model(name, parents, layer), "schema": layer, "alias": name})
        entries += [generic(f"{name}_{test}", name, f"{number}{test}", layer) for test in "abc"]
    manifest = {**manifest_of(*entries), "exposures": {}, "groups": {}}
    (folder / "models").mkdir()
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: headrace\n")
    (folder / "profiles.yml").write_text((SAMPLE / "profiles.yml").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return build_dag(folder / "manifest.json", folder)


def test_every_model_and_every_test_is_a_task(dag: DAG) -> None:
    kinds = [type(task).__name__ for task in dag.tasks]
    assert kinds.count("RunModel") == MODELS
    assert kinds.count("RunTest") == MODELS * TESTS_OF_EACH
    assert dag.get_task("m0500.run").upstream_task_ids == {
        *(f"m0499.m0499_{test}" for test in "abc"),
        *(f"m0490.m0490_{test}" for test in "abc"),
    }


def test_it_is_stored_whole_and_once_for_all_its_parameters(dag: DAG) -> None:
    stored = DagSerialization.to_dict(dag)
    text = json.dumps(stored)
    assert len(text) < LARGEST_DAG
    assert text.count("Where that window ends") == 1
    again = DagSerialization.from_dict(stored)
    assert len(again.task_dict) == len(dag.tasks)
    assert again.task_dict["m0500.run"].upstream_task_ids == dag.get_task("m0500.run").upstream_task_ids
    assert set(again.params) == {"full_refresh", "select", "event_time_start", "event_time_end"}
