"""A load whose extract ran twice, while the source's columns changed in between."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from include.headrace.errors import ContractError, CountError
from include.headrace.manifest import LoadIds
from tests.support.loads import ORDERS, MemoryExtraction, Shop, batch, orders_table

NOON = datetime(2024, 5, 1, 12)


def of(kind: pa.DataType) -> pa.Schema:
    return pa.schema([ORDERS.field("id"), pa.field("n", kind), ORDERS.field("changed")])


def staged(shop: Shop, load_id: str, kind: pa.DataType, value: Any) -> LoadIds:
    rows = [{"id": 1, "n": value, "changed": NOON}]
    extraction = MemoryExtraction(of(kind), [batch(rows, of(kind))])
    return shop.stage(extraction, orders_table(), load_id=load_id)


def test_the_columns_of_the_try_that_is_loaded_count(shop: Shop) -> None:
    load_id = uuid.uuid4().hex
    first = staged(shop, load_id, pa.int32(), 5)
    second = staged(shop, load_id, pa.string(), "five")
    shop.load(second, orders_table())
    assert shop.rows('"N"') == [("five",)]
    # The first try wakes up late: its load is committed, so it neither changes nor refuses anything.
    assert shop.load(first, orders_table())["attempt_id"] == second.attempt_id
    assert shop.rows('"N"') == [("five",)]


def test_a_type_that_changes_after_a_try_made_the_table_is_widened_or_red(shop: Shop) -> None:
    load_id = uuid.uuid4().hex
    first = staged(shop, load_id, pa.int32(), 5)
    session = shop.open_session()
    session.execute(f'REMOVE \'@"RAW"."{shop.source.upper()}"."LANDING"/{first.path}\'')
    session.close()
    with pytest.raises(CountError, match="clear the extract task"):
        shop.load(first, orders_table())
    assert shop.load(staged(shop, load_id, pa.int64(), 2**40), orders_table())["rows_inserted"] == 1
    with pytest.raises(ContractError, match=r"n: NUMBER\(19,0\) in RAW, VARCHAR in the source"):
        shop.load(staged(shop, uuid.uuid4().hex, pa.string(), "five"), orders_table())
    assert shop.rows('"N"') == [(2**40,)]
