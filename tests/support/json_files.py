"""Readers of JSON files for tests."""

from __future__ import annotations

from typing import Any

from include.headrace.config import JsonSource, JsonTable
from include.headrace.readers import reader_for
from include.headrace.readers.base import Reader


def json_reader(location: str, path: str = "*.ndjson", **fields: Any) -> Reader:
    """The reader of the table ``items``: the JSON files that match ``path`` below ``location``."""
    if "cursor" in fields:
        fields = {"disposition": "append", **fields}
    table = JsonTable(name="items", path=path, **fields)
    return reader_for(JsonSource(name="shop", kind="json", location=location, tables=(table,)), table)
