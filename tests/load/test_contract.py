from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from include.headrace.errors import ContractError
from include.headrace.schema import Change, columns_of, compare
from tests.support.loads import ORDERS, WIDER_ORDERS, Shop, orders_table

NOON = datetime(2024, 5, 1, 12)


def row(number: int, minute: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "state": "new", "changed": NOON.replace(minute=minute), **more}


def test_evolve_adds_a_new_column_and_old_rows_have_null(shop: Shop) -> None:
    shop.stage_and_load([row(1, 0)])
    shop.stage_and_load([row(2, 1, note="hello")], schema=WIDER_ORDERS)
    assert shop.rows('"ID", "NOTE"') == [(1, None), (2, "hello")]


def test_evolve_widens_a_number(shop: Shop) -> None:
    small = pa.schema([pa.field("id", pa.int64()), pa.field("n", pa.int32()), ORDERS.field("changed")])
    large = pa.schema([pa.field("id", pa.int64()), pa.field("n", pa.int64()), ORDERS.field("changed")])
    shop.stage_and_load([{"id": 1, "n": 2, "changed": NOON}], schema=small)
    shop.stage_and_load([{"id": 2, "n": 3_000_000_000_000, "changed": NOON}], schema=large)
    assert shop.rows('"ID", "N"') == [(1, 2), (2, 3_000_000_000_000)]


def test_evolve_leaves_a_column_that_the_source_dropped(shop: Shop) -> None:
    shop.stage_and_load([row(1, 0, note="kept")], schema=WIDER_ORDERS)
    shop.stage_and_load([row(2, 1)])
    assert shop.rows('"ID", "NOTE"') == [(1, "kept"), (2, None)]


def test_evolve_refuses_a_type_that_no_widening_covers(shop: Shop) -> None:
    shop.stage_and_load([row(1, 0)])
    changed = pa.schema([ORDERS.field("id"), pa.field("state", pa.int64()), ORDERS.field("changed")])
    with pytest.raises(ContractError, match=r"state: VARCHAR.* in RAW, NUMBER\(19,0\) in the source"):
        shop.stage_and_load([{"id": 2, "state": 5, "changed": NOON}], schema=changed)
    assert shop.rows() == [(1, "new")]
    assert len(shop.loads()) == 1


def test_freeze_spells_out_every_difference_and_changes_nothing(shop: Shop) -> None:
    table = orders_table(contract="freeze")
    shop.stage_and_load([row(1, 0)], table)
    other = pa.schema([ORDERS.field("id"), ORDERS.field("changed"), pa.field("note", pa.string())])
    with pytest.raises(ContractError) as error:
        shop.stage_and_load([{"id": 2, "changed": NOON, "note": "x"}], table, schema=other)
    assert "note: not in RAW, VARCHAR in the source" in str(error.value)
    assert "STATE: VARCHAR" in str(error.value)
    assert shop.rows() == [(1, "new")]
    columns = [c["name"] for c in shop.query(f"DESCRIBE TABLE {shop.table()}")]
    assert columns == ["ID", "STATE", "CHANGED", "_LOAD_ID", "_LOADED_AT"]


def test_discard_leaves_new_columns_out_and_loads_the_rows(shop: Shop) -> None:
    table = orders_table(contract="discard")
    shop.stage_and_load([row(1, 0)], table)
    loaded = shop.stage_and_load([row(2, 1, note="x")], table, schema=WIDER_ORDERS)
    assert shop.rows() == [(1, "new"), (2, "new")]
    assert loaded["rows_inserted"] == 1
    assert "NOTE" not in [c["name"] for c in shop.query(f"DESCRIBE TABLE {shop.table()}")]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (pa.int64(), pa.string(), r"n: NUMBER\(19,0\) in RAW, VARCHAR in the source"),
        (pa.timestamp("us"), pa.string(), r"n: TIMESTAMP_NTZ\(6\) in RAW, VARCHAR in the source"),
        (
            pa.decimal128(38, 0),
            pa.decimal128(38, 2),
            r"n: NUMBER\(38,0\) in RAW, NUMBER\(38,2\) in the source",
        ),
        (pa.bool_(), pa.int64(), r"n: BOOLEAN in RAW, NUMBER\(19,0\) in the source"),
    ],
)
def test_a_retyped_column_that_cannot_be_widened_is_red(
    before: pa.DataType, after: pa.DataType, told: str
) -> None:
    [column] = columns_of(pa.schema([pa.field("n", before)]))
    incoming = columns_of(pa.schema([pa.field("n", after)]))
    for contract in ("evolve", "freeze", "discard"):
        with pytest.raises(ContractError, match=told):
            compare(incoming, {"N": column.type}, contract, "shop.orders")


@pytest.mark.parametrize("contract", ["evolve", "freeze", "discard"])
def test_narrowed_reordered_recased_and_not_null_columns_change_nothing(contract: str) -> None:
    fields = [pa.field("Id", pa.int32(), nullable=False), pa.field("n", pa.int64())]
    existing = {"N": "NUMBER(19,0)", "ID": "NUMBER(19,0)"}
    assert compare(columns_of(pa.schema(fields)), existing, contract, "shop.orders") == Change()


@pytest.mark.parametrize("contract", ["freeze", "discard"])
@pytest.mark.parametrize(("before", "after"), [("NUMBER(10,0)", pa.int64()), ("VARCHAR(10)", pa.string())])
def test_a_wider_column_is_red_unless_the_table_evolves(
    contract: str, before: str, after: pa.DataType
) -> None:
    with pytest.raises(ContractError, match=r"n: .* in RAW"):
        compare(columns_of(pa.schema([pa.field("n", after)])), {"N": before}, contract, "shop.orders")


@pytest.mark.parametrize("before", ["NUMBER(10,0)", "VARCHAR(10)"])
def test_evolve_widens_numbers_and_texts(before: str) -> None:
    incoming = columns_of(pa.schema([pa.field("n", pa.int64() if before[0] == "N" else pa.string())]))
    assert compare(incoming, {"N": before}, "evolve", "shop.orders") == Change(widened=tuple(incoming))


def test_a_renamed_column_is_red_or_left_out_unless_the_table_evolves() -> None:
    incoming = columns_of(pa.schema([pa.field("id", pa.int64()), pa.field("status", pa.string())]))
    existing = {"ID": "NUMBER(19,0)", "STATE": "VARCHAR"}
    assert compare(incoming, existing, "discard", "shop.orders") == Change(discarded=(incoming[1],))
    with pytest.raises(
        ContractError, match=r"status: not in RAW, .*; STATE: VARCHAR in RAW, not in the source"
    ):
        compare(incoming, existing, "freeze", "shop.orders")


def test_a_renamed_column_is_a_dropped_and_a_new_one(shop: Shop) -> None:
    renamed = pa.schema([ORDERS.field("id"), pa.field("status", pa.string()), ORDERS.field("changed")])
    shop.stage_and_load([row(1, 0)])
    shop.stage_and_load([{"id": 2, "status": "paid", "changed": NOON}], schema=renamed)
    assert shop.rows('"ID", "STATE", "STATUS"') == [(1, "new", None), (2, None, "paid")]


def test_discarded_columns_and_their_values_are_counted(shop: Shop) -> None:
    table = orders_table(contract="discard")
    assert shop.stage_and_load([row(1, 0)], table)["columns_discarded"] == 0
    loaded = shop.stage_and_load([row(2, 1, note="x"), row(3, 1, note=None)], table, schema=WIDER_ORDERS)
    assert (loaded["columns_discarded"], loaded["values_discarded"]) == (1, 1)


@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_contracts_hold_for_append_and_replace(shop: Shop, disposition: str) -> None:
    cursor = "changed" if disposition == "append" else None
    fields: dict[str, Any] = {"disposition": disposition, "cursor": cursor, "primary_key": None}

    def load(number: int, schema: pa.Schema, **more: Any) -> dict[str, Any]:
        contract = more.pop("contract", "evolve")
        table = orders_table(contract=contract, **fields)
        return shop.stage_and_load([row(number, number, **more)], table, schema=schema)

    load(1, ORDERS)
    with pytest.raises(ContractError, match="note: not in RAW, VARCHAR in the source"):
        load(2, WIDER_ORDERS, contract="freeze", note="x")
    assert shop.rows() == [(1, "new")]
    assert load(3, WIDER_ORDERS, contract="discard", note="y")["values_discarded"] == 1
    load(4, WIDER_ORDERS, note="z")
    before = [(1, None), (3, None)] if disposition == "append" else []
    assert shop.rows('"ID", "NOTE"') == [*before, (4, "z")]
    load(5, ORDERS, contract="discard")
    assert shop.rows('"ID", "NOTE"')[-1] == (5, None)
