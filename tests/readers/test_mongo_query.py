from __future__ import annotations

from typing import Any

import pytest

from include.headrace.config import MongoTable
from include.headrace.readers.mongo_query import projection


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("_id", {"_id": 1}),
        ("of.order.id", {"of": 1}),
        ("at.$date", {"at": 1}),
        ("$id", {"secret": 0}),
        (".id", {"secret": 0}),
    ],
)
def test_the_fields_of_columns_are_asked_for_where_mongodb_can_be(path: str, asked: dict[str, int]) -> None:
    columns: Any = {"id": {"path": path}}
    table = MongoTable(name="orders", columns=columns, exclude=("secret",))
    assert projection(table, ["id"]) == asked
    assert projection(table) == {"secret": 0}
