from __future__ import annotations

import pytest

from tests.local_snowflake.conftest import Client

MERGE = (
    "merge into t using s on t.k = s.k when matched and s.v >= t.v then update set v = s.v "
    "when not matched then insert (k, v) values (s.k, s.v)"
)


@pytest.fixture
def tables(client: Client) -> Client:
    client.run(
        "create table t (k int, v int)",
        "create table s (k int, v int)",
        "insert into t values (1, 5), (2, 5)",
    )
    return client


def test_merge_counts_what_it_inserted_and_updated(tables: Client) -> None:
    tables.run("insert into s values (1, 6), (2, 4), (3, 1), (4, 1)")
    assert tables.dicts(MERGE) == [{"number of rows inserted": 2, "number of rows updated": 1}]
    assert tables.rows("select * from t order by k") == [(1, 6), (2, 5), (3, 1), (4, 1)]
    assert tables.count(MERGE) == 3


def test_merge_deletes_and_counts_them(tables: Client) -> None:
    tables.run("insert into s values (1, 0)")
    merge = (
        "merge into t using s on t.k = s.k when matched and s.v = 0 then delete "
        "when matched then update set v = 9"
    )
    assert tables.dicts(merge) == [{"number of rows updated": 0, "number of rows deleted": 1}]
    assert tables.rows("select * from t") == [(2, 5)]


def test_two_source_rows_that_match_one_target_row_raise_100090(tables: Client) -> None:
    tables.run("insert into s values (1, 6), (1, 7)")
    assert tables.error(MERGE).errno == 100090
    assert tables.rows("select * from t order by k") == [(1, 5), (2, 5)]


def test_duplicate_source_rows_that_match_nothing_are_all_inserted(tables: Client) -> None:
    tables.run("insert into s values (7, 1), (7, 1)", MERGE)
    assert tables.rows("select * from t where k = 7") == [(7, 1), (7, 1)]


def test_null_keys_never_match(tables: Client) -> None:
    tables.run("insert into s values (null, 1)", MERGE, MERGE)
    assert tables.value("select count(*) from t where k is null") == 2


def test_merge_in_a_transaction_is_rolled_back_with_it(tables: Client) -> None:
    tables.run("insert into s values (1, 9), (3, 1)", "begin", MERGE, "rollback")
    assert tables.rows("select * from t order by k") == [(1, 5), (2, 5)]


def test_merge_with_unqualified_values_takes_the_source(tables: Client) -> None:
    tables.run(
        "insert into s values (1, 9), (3, 8)",
        "merge into t as DBT_INTERNAL_DEST using (select * from s) as DBT_INTERNAL_SOURCE "
        "on DBT_INTERNAL_SOURCE.k = DBT_INTERNAL_DEST.k "
        'when matched then update set "V" = DBT_INTERNAL_SOURCE."V" '
        'when not matched then insert ("K", "V") values ("K", "V")',
    )
    assert tables.rows("select * from t order by k") == [(1, 9), (2, 5), (3, 8)]


def test_nondeterministic_merge_cannot_be_allowed(tables: Client) -> None:
    tables.run("alter session set error_on_nondeterministic_merge = false")
    tables.refused(MERGE)


def test_an_update_with_two_matches_raises_when_told_to(tables: Client) -> None:
    tables.run(
        "insert into s values (1, 6), (1, 7)", "alter session set error_on_nondeterministic_update = true"
    )
    assert tables.error("update t set v = s.v from s where t.k = s.k").errno == 100090
    tables.run("delete from s where v = 7")
    assert tables.count("update t set v = s.v from s where t.k = s.k") == 1
    assert tables.rows("select * from t order by k") == [(1, 6), (2, 5)]
