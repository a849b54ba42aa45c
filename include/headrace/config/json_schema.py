"""The JSON Schema of source files, for completion and checks in editors.

``python -m include.headrace schema`` writes it; a test fails when the file is stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from include.headrace.config.kinds import AnySource

SCHEMA_FILE = Path(__file__).parents[1] / "source.schema.json"


def source_schema() -> dict[str, Any]:
    """The schema of one source file, without ``name``: the file's name gives it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A source of Headrace: one file of include/sources",
        **TypeAdapter[Any](AnySource).json_schema(mode="validation"),
    }


def schema_text() -> str:
    """The schema as its file holds it."""
    return json.dumps(source_schema(), indent=2, ensure_ascii=False) + "\n"
