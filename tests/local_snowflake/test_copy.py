from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.local_snowflake.conftest import Client

FORMAT = "file_format = (type = parquet use_logical_type = true binary_as_text = false null_if = ())"
UTC = datetime.UTC
Stage = Callable[..., None]


@pytest.fixture
def stage(client: Client, tmp_path: Path) -> Stage:
    """Puts a table as a Parquet file into the stage's folder ``p/``."""
    client.run("create stage landing")

    def put(name: str, table: pa.Table) -> None:
        pq.write_table(table, tmp_path / name)
        client.run(f"put file://{tmp_path}/{name} @landing/p/ auto_compress = false overwrite = true")

    return put


def copy(columns: str, rest: str = "") -> str:
    return f"copy into t from (select {columns} from @landing/p/) {rest} {FORMAT}"


def test_copy_gives_a_row_a_file_and_file_name_and_row_number(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0), f varchar, n number(19,0))")
    stage("one.parquet", pa.table({"a": [10, 20]}))
    stage("two.parquet", pa.table({"a": [30]}))
    rows = client.dicts(copy('$1:"a"::number(19,0), metadata$filename, metadata$file_row_number'))
    assert [(r["file"], r["status"], r["rows_parsed"], r["rows_loaded"], r["errors_seen"]) for r in rows] == [
        ("landing/p/one.parquet", "LOADED", 2, 2, 0),
        ("landing/p/two.parquet", "LOADED", 1, 1, 0),
    ]
    assert client.rows("select * from t order by a") == [
        (10, "p/one.parquet", 1),
        (20, "p/one.parquet", 2),
        (30, "p/two.parquet", 1),
    ]


def test_files_names_what_is_loaded_and_a_missing_one_fails_the_whole(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    stage("two.parquet", pa.table({"a": [30]}))
    client.run(copy('$1:"a"::number(19,0)', "files = ('two.parquet')"))
    assert client.rows("select * from t") == [(30,)]
    error = client.error(copy('$1:"a"::number(19,0)', "files = ('one.parquet', 'three.parquet')"))
    assert error.errno == 91016
    assert client.rows("select * from t") == [(30,)]


def test_a_file_is_loaded_once_unless_forced(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    client.run(copy('$1:"a"::number(19,0)'))
    assert client.rows(copy('$1:"a"::number(19,0)')) == [("Copy executed with 0 files processed.",)]
    named = client.rows(copy('$1:"a"::number(19,0)', "files = ('one.parquet')"))
    assert [row[:4] for row in named] == [("landing/p/one.parquet", "LOAD_SKIPPED", 0, 0)]
    client.run(copy('$1:"a"::number(19,0)', "force = false"))
    assert client.value("select count(*) from t") == 1
    client.run(copy('$1:"a"::number(19,0)', "force = true"))
    assert client.value("select count(*) from t") == 2


def test_a_changed_file_of_the_same_name_is_loaded(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    client.run(copy('$1:"a"::number(19,0)'))
    stage("one.parquet", pa.table({"a": [11]}))
    client.run(copy('$1:"a"::number(19,0)'))
    assert client.rows("select a from t order by a") == [(10,), (11,)]


@pytest.mark.parametrize("forget", ["truncate table t", "create or replace table t (a number(19,0))"])
def test_truncate_and_replace_forget_what_was_loaded(client: Client, stage: Stage, forget: str) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    client.run(copy('$1:"a"::number(19,0)'), forget, copy('$1:"a"::number(19,0)'))
    assert client.rows("select a from t") == [(10,)]


def test_delete_does_not_forget_what_was_loaded(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    client.run(copy('$1:"a"::number(19,0)'), "delete from t", copy('$1:"a"::number(19,0)'))
    assert client.rows("select a from t") == []


def test_purge_false_keeps_the_files_and_purge_true_removes_them(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    client.run(copy('$1:"a"::number(19,0)', "purge = false"))
    assert len(client.rows("list @landing")) == 1
    client.run(copy('$1:"a"::number(19,0)', "force = true purge = true"))
    assert client.rows("list @landing") == []


def test_all_files_or_none_are_loaded(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": ["1"]}))
    stage("two.parquet", pa.table({"a": ["not a number"]}))
    assert client.error(copy('$1:"a"::number(19,0)')).errno == 100038
    assert client.rows("select * from t") == []
    stage("two.parquet", pa.table({"a": ["2"]}))
    client.run(copy('$1:"a"::number(19,0)'))
    assert client.rows("select a from t order by a") == [(1,), (2,)]


def test_a_truncated_file_is_an_error_and_loads_nothing(client: Client, stage: Stage, tmp_path: Path) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    (tmp_path / "short.parquet").write_bytes((tmp_path / "one.parquet").read_bytes()[:-20])
    client.run(f"put file://{tmp_path}/short.parquet @landing/p/ auto_compress = false")
    error = client.error(copy('$1:"a"::number(19,0)'))
    assert (error.errno, "short.parquet" in str(error)) == (100080, True)
    assert client.rows("select * from t") == []


def test_rollback_undoes_a_copy(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0))", "begin")
    stage("one.parquet", pa.table({"a": [10]}))
    client.run(copy('$1:"a"::number(19,0)'), "rollback")
    assert client.rows("select * from t") == []


def test_a_parquet_string_loads_into_variant_as_a_string_unless_parsed(client: Client, stage: Stage) -> None:
    client.run("create table t (raw variant, cast_ variant, parsed variant, empty variant)")
    stage("one.parquet", pa.table({"j": ['{"k": 1}'], "e": [""]}))
    client.run(copy('$1:"j", $1:"j"::variant, parse_json($1:"j"::varchar), parse_json($1:"e"::varchar)'))
    row = client.rows("select raw:k is null, cast_:k is null, parsed:k::number(10,0), empty is null from t")
    assert row == [(True, True, 1, True)]


def test_a_column_that_the_file_lacks_is_null_and_case_counts(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0), b number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    client.run(copy('$1:"a"::number(19,0), $1:"A"::number(19,0)'))
    assert client.rows("select * from t") == [(10, None)]


def test_null_if_defaults_to_backslash_n_and_can_be_empty(client: Client, stage: Stage) -> None:
    client.run("create table t (a varchar)")
    stage("one.parquet", pa.table({"a": ["\\N", "x", None]}))
    client.run(copy('$1:"a"::varchar'))
    assert client.rows("select a from t order by a nulls last") == [("\\N",), ("x",), (None,)]
    client.run("truncate table t", copy('$1:"a"::varchar').replace("null_if = ()", ""))
    assert client.rows("select a from t order by a nulls last") == [("x",), (None,), (None,)]


def test_every_type_arrives_as_it_left(client: Client, stage: Stage) -> None:
    table = pa.table(
        {
            "n": pa.array([Decimal("99999999999999999999.12"), None], pa.decimal128(30, 2)),
            "u": pa.array([2**64 - 1, None], pa.uint64()).cast(pa.decimal128(20, 0)),
            "z": pa.array(
                [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), None], pa.timestamp("us", "UTC")
            ),
            "w": pa.array([datetime.datetime(2013, 7, 1, 1, 2, 3), None], pa.timestamp("us")),
            "d": pa.array([datetime.date(1582, 10, 15), None]),
            "c": pa.array([datetime.time(23, 59, 59, 1), None], pa.time64("us")),
            "b": pa.array([b"\x00\xff", None]),
            "f": pa.array([1.5, None]),
            "o": pa.array([True, None]),
        }
    )
    stage("one.parquet", table)
    client.run(
        "create table t (n number(38,2), u number(20,0), z timestamp_tz, l timestamp_ltz, w "
        "timestamp_ntz, d date, "
        "c time, b binary, f double, o boolean)",
        copy(
            '$1:"n"::number(38,2), $1:"u"::number(20,0), $1:"z"::timestamp_tz, $1:"z"::timestamp_ltz, '
            '$1:"w"::timestamp_ntz, $1:"d"::date, $1:"c"::time, $1:"b"::binary, $1:"f"::double, '
            '$1:"o"::boolean'
        ),
    )
    full, empty = client.rows("select * from t order by f nulls last")
    moment = datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)
    assert full == (
        Decimal("99999999999999999999.12"),
        18446744073709551615,
        moment,
        moment,
        datetime.datetime(2013, 7, 1, 1, 2, 3),
        datetime.date(1582, 10, 15),
        datetime.time(23, 59, 59, 1),
        b"\x00\xff",
        1.5,
        True,
    )
    assert empty == (None,) * 10


@pytest.mark.parametrize(
    "option",
    [
        "on_error = continue",
        "on_error = skip_file",
        "pattern = '.*'",
        "size_limit = 10",
        "validation_mode = return_errors",
        "include_metadata = (a = metadata$filename)",
        "enforce_length = false",
        "truncatecolumns = true",
        "load_uncertain_files = true",
    ],
)
def test_copy_options_that_are_not_done_are_refused(client: Client, stage: Stage, option: str) -> None:
    client.run("create table t (a number(19,0))")
    stage("one.parquet", pa.table({"a": [10]}))
    client.refused(copy('$1:"a"::number(19,0)', option))
    assert client.rows("select * from t") == []


@pytest.mark.parametrize(
    "statement",
    [
        "copy into t from @landing/p/",
        "copy into t from @landing/p/ file_format = (type = csv)",
        "copy into t from @landing/p/ file_format = (format_name = 'x')",
        "copy into @landing/out/ from t",
        "copy into t from @~/x file_format = (type = parquet)",
        "select $1 from @landing/p/",
        'copy into t from (select $1:"z" from @landing/p/) file_format = (type = parquet)',
    ],
)
def test_other_copies_are_refused(client: Client, stage: Stage, statement: str) -> None:
    client.run("create table t (a variant)")
    stage("one.parquet", pa.table({"z": pa.array([datetime.datetime(2020, 1, 1)], pa.timestamp("us"))}))
    client.refused(statement)
    assert client.rows("select * from t") == []


def test_match_by_column_name_drops_extra_and_nulls_missing_columns(client: Client, stage: Stage) -> None:
    client.run("create table t (a number(19,0), missing varchar)")
    stage("one.parquet", pa.table({"A": [10], "extra": [1]}))
    client.run(f"copy into t from @landing/p/ match_by_column_name = case_insensitive {FORMAT}")
    assert client.rows("select * from t") == [(10, None)]
