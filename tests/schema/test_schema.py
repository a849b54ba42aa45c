"""Types between Arrow and Snowflake, and what a change of the source's columns does."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.headrace.errors import ContractError, SourceError
from include.headrace.readers.base import COMMENT_KEY, TYPE_KEY
from include.headrace.schema import (
    Change,
    Column,
    columns_of,
    compare,
    copy_expression,
    fits,
    snowflake_type,
    widened,
)


@pytest.mark.parametrize(
    ("arrow", "snowflake"),
    [
        (pa.bool_(), "BOOLEAN"),
        (pa.int8(), "NUMBER(3,0)"),
        (pa.int16(), "NUMBER(5,0)"),
        (pa.int32(), "NUMBER(10,0)"),
        (pa.int64(), "NUMBER(19,0)"),
        (pa.uint32(), "NUMBER(10,0)"),
        (pa.uint64(), "NUMBER(20,0)"),
        (pa.float32(), "FLOAT"),
        (pa.float64(), "FLOAT"),
        (pa.decimal128(38, 10), "NUMBER(38,10)"),
        (pa.decimal256(20, 2), "NUMBER(20,2)"),
        (pa.string(), "VARCHAR"),
        (pa.large_string(), "VARCHAR"),
        (pa.dictionary(pa.int8(), pa.string()), "VARCHAR"),
        (pa.null(), "VARCHAR"),
        (pa.binary(), "BINARY"),
        (pa.binary(4), "BINARY"),
        (pa.date32(), "DATE"),
        (pa.time64("us"), "TIME(6)"),
        (pa.time64("ns"), "TIME(9)"),
        (pa.timestamp("us"), "TIMESTAMP_NTZ(6)"),
        (pa.timestamp("ns", tz="UTC"), "TIMESTAMP_TZ(9)"),
    ],
)
def test_arrow_types_have_a_snowflake_type(arrow: pa.DataType, snowflake: str) -> None:
    assert snowflake_type(pa.field("x", arrow)) == snowflake


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_every_integer_fits_the_digits_of_its_type(bits: int) -> None:
    for arrow, largest in ((f"int{bits}", 2 ** (bits - 1)), (f"uint{bits}", 2**bits - 1)):
        kind = snowflake_type(pa.field("x", getattr(pa, arrow)()))
        assert kind == f"NUMBER({len(str(largest))},0)"


@pytest.mark.parametrize(
    "arrow",
    [
        pa.decimal256(39, 0),
        pa.decimal128(5, -2),
        pa.list_(pa.int8()),
        pa.struct([("a", pa.int8())]),
        pa.duration("s"),
        pa.month_day_nano_interval(),
    ],
)
def test_a_type_that_no_column_holds_is_refused(arrow: pa.DataType) -> None:
    with pytest.raises(SourceError, match="Column 'x' has the type"):
        snowflake_type(pa.field("x", arrow))


def test_a_reader_may_say_the_type_and_the_comment() -> None:
    field = pa.field("Doc", pa.string(), metadata={TYPE_KEY: "VARIANT", COMMENT_KEY: "What it says"})
    column = Column("Doc", "DOC", "VARIANT", "What it says")
    assert columns_of(pa.schema([field])) == [column]


def test_columns_that_fall_together_are_refused() -> None:
    with pytest.raises(SourceError, match="both become A"):
        columns_of(pa.schema([("a", pa.int8()), ("A", pa.int8())]))
    with pytest.raises(SourceError, match="both become A"):
        columns_of(pa.schema([("a", pa.int8()), ("a", pa.int8())]))


def test_a_copy_reads_each_column_by_its_folded_name_and_type() -> None:
    assert copy_expression(Column("a b", "A_B", "NUMBER(5,2)")) == '$1:"A_B"::NUMBER(5,2)'
    assert copy_expression(Column("j", "J", "VARIANT")) == 'PARSE_JSON($1:"J"::VARCHAR)'


@pytest.mark.parametrize(
    ("incoming", "existing", "expected"),
    [
        ("NUMBER(5,0)", "NUMBER(10,0)", True),
        ("NUMBER(10,0)", "NUMBER(5,0)", False),
        ("NUMBER(10,0)", "NUMBER(10,2)", False),
        ("NUMBER(8,0)", "NUMBER(10,2)", True),
        ("NUMBER(5,3)", "NUMBER(10,2)", False),
        ("NUMBER(5,0)", "FLOAT", False),
        ("NUMBER(5,0)", "VARCHAR(16777216)", False),
        ("VARCHAR", "VARCHAR(16777216)", True),
        ("VARCHAR", "VARCHAR(134217728)", True),
        ("VARCHAR", "VARCHAR(10)", False),
        ("BINARY", "BINARY(8388608)", True),
        ("FLOAT", "FLOAT", True),
        ("BOOLEAN", "VARCHAR", False),
        ("TIME(6)", "TIME(9)", True),
        ("TIMESTAMP_NTZ(6)", "TIMESTAMP_NTZ(9)", True),
        ("TIMESTAMP_NTZ(9)", "TIMESTAMP_NTZ(6)", False),
        ("TIMESTAMP_NTZ(6)", "TIMESTAMP_TZ(9)", False),
        ("DATE", "TIMESTAMP_NTZ(9)", False),
        ("VARIANT", "VARIANT", True),
        ("VARIANT", "VARCHAR", False),
    ],
)
def test_what_fits_is_what_is_stored_unchanged(incoming: str, existing: str, expected: bool) -> None:
    assert fits(incoming, existing) is expected


@pytest.mark.parametrize(
    ("incoming", "existing", "expected"),
    [
        ("NUMBER(19,0)", "NUMBER(10,0)", "NUMBER(19,0)"),
        ("NUMBER(10,0)", "NUMBER(10,2)", "NUMBER(12,2)"),
        ("NUMBER(38,0)", "NUMBER(10,2)", None),
        ("NUMBER(10,3)", "NUMBER(10,2)", None),
        ("VARCHAR(20)", "VARCHAR(10)", "VARCHAR(20)"),
        ("VARCHAR", "VARCHAR(10)", "VARCHAR"),
        ("TIMESTAMP_NTZ(9)", "TIMESTAMP_NTZ(6)", None),
        ("VARCHAR", "NUMBER(5,0)", None),
    ],
)
def test_only_what_snowflake_alters_in_place_is_widened(
    incoming: str, existing: str, expected: str | None
) -> None:
    assert widened(incoming, existing) == expected


NUMBERS = st.integers(1, 38).flatmap(
    lambda precision: st.integers(0, precision).map(lambda scale: f"NUMBER({precision},{scale})")
)


@given(incoming=NUMBERS, existing=NUMBERS)
def test_a_widened_number_holds_both(incoming: str, existing: str) -> None:
    wider = widened(incoming, existing)
    if wider is not None:
        assert fits(incoming, wider)
        assert fits(existing, wider)


EXISTING = {"ID": "NUMBER(10,0)", "T": "VARCHAR(10)", "GONE": "DATE"}
INCOMING = [
    Column("id", "ID", "NUMBER(19,0)"),
    Column("t", "T", "VARCHAR(10)"),
    Column("new", "NEW", "DATE", "A comment"),
]


def test_evolve_adds_and_widens_and_keeps_what_the_source_dropped() -> None:
    assert compare(INCOMING, EXISTING, "evolve", "T") == Change(
        added=(Column("new", "NEW", "DATE", "A comment"),), widened=(Column("id", "ID", "NUMBER(19,0)"),)
    )


def test_freeze_names_every_difference() -> None:
    with pytest.raises(ContractError) as caught:
        compare(INCOMING, EXISTING, "freeze", "SHOP.ITEMS")
    for said in (
        "columns of SHOP.ITEMS differ from its contract (freeze)",
        "id: NUMBER(10,0) in RAW, NUMBER(19,0) in the source",
        "new: not in RAW, DATE in the source",
        "GONE: DATE in RAW, not in the source",
    ):
        assert said in str(caught.value)


def test_freeze_takes_what_is_the_same() -> None:
    assert compare([Column("t", "T", "VARCHAR(5)")], {"T": "VARCHAR(10)"}, "freeze", "T") == Change()


def test_discard_leaves_new_columns_out_and_refuses_other_types() -> None:
    fitting = [Column("id", "ID", "NUMBER(10,0)"), INCOMING[2]]
    assert compare(fitting, EXISTING, "discard", "T") == Change(discarded=(INCOMING[2],))
    with pytest.raises(ContractError, match="id: NUMBER"):
        compare(INCOMING, EXISTING, "discard", "T")


@pytest.mark.parametrize("contract", ["evolve", "freeze", "discard"])
def test_a_type_that_no_widening_covers_is_refused_under_every_contract(contract: str) -> None:
    with pytest.raises(ContractError, match=r"t: VARCHAR\(10\) in RAW, DATE in the source"):
        compare([Column("t", "T", "DATE")], {"T": "VARCHAR(10)"}, contract, "T")


def test_an_empty_table_in_raw_takes_every_column() -> None:
    assert compare(INCOMING, {}, "evolve", "T").added == tuple(INCOMING)
