"""Small manifests, with the fields of dbt's that the graph reads."""

from __future__ import annotations

from typing import Any

Entry = dict[str, Any]


def model(name: str, parents: list[str] | None = None, folder: str = "marts", **settings: Any) -> Entry:
    """A model that reads other models."""
    return {
        "unique_id": f"model.shop.{name}",
        "resource_type": "model",
        "name": name,
        "package_name": "shop",
        "fqn": ["shop", folder, name],
        "original_file_path": f"models/{folder}/{name}.sql",
        "depends_on": {"nodes": [f"model.shop.{parent}" for parent in parents or []]},
        "config": {"materialized": "view", "meta": {"cosmos": {"operator_kwargs": settings}}},
    }


def generic(name: str, on: str, digest: str = "0a1b2c3d4e", folder: str = "marts") -> Entry:
    """A generic test declared on a model."""
    return {
        **several(name, [on]),
        "unique_id": f"test.shop.{name}.{digest}",
        "fqn": ["shop", folder, name],
        "original_file_path": f"models/{folder}/_models.yml",
        "attached_node": f"model.shop.{on}",
        "test_metadata": {"name": "not_null"},
    }


def several(name: str, models: list[str]) -> Entry:
    """A singular test that reads some models."""
    return {
        "unique_id": f"test.shop.{name}",
        "resource_type": "test",
        "name": name,
        "package_name": "shop",
        "fqn": ["shop", name],
        "original_file_path": f"tests/{name}.sql",
        "depends_on": {"nodes": [f"model.shop.{m}" for m in models]},
        "config": {},
    }


def manifest_of(*entries: Entry) -> dict[str, Any]:
    """A manifest of these nodes."""
    return {
        "metadata": {"project_name": "shop"},
        "nodes": {entry["unique_id"]: entry for entry in entries},
        "sources": {},
        "unit_tests": {},
    }
