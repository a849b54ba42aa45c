"""What the emulator does not truly do fails at once, clearly, and leaves all as it was."""

from __future__ import annotations

import time

import pytest

from tests.local_snowflake.conftest import Client

REFUSED = [
    "alter session set no_such_parameter = 1",
    "alter table t add search optimization",
    "alter table t add constraint k primary key (a)",
    "alter table t add primary key (a)",
    "alter table t cluster by (a)",
    "alter table t resume recluster",
    "alter table t set data_retention_time_in_days = 1",
    "alter table t set tag x = 'y'",
    "alter table t modify column a set masking policy p",
    "alter warehouse w suspend",
    "begin let x := 1; end",
    "call something()",
    "comment on schema s is 'x'",
    "create database d2 clone tests",
    "create dynamic table d target_lag = '1 minute' warehouse = w as select 1 as a",
    "create external table e (a int) location = @x",
    "create file format f type = csv",
    "create function f() returns int as '1'",
    "create masking policy p as (v varchar) returns varchar -> v",
    "create or replace secure view v as select 1 as a",
    "create materialized view v as select 1 as a",
    "create network policy p allowed_ip_list = ('1.1.1.1')",
    "create procedure p() returns int language sql as 'return 1'",
    "create resource monitor m with credit_quota = 1",
    "create row access policy p as (a int) returns boolean -> true",
    "create schema s2 clone s",
    "create schema s2 with managed access",
    "create sequence q",
    "create stage s url = 's3://bucket/'",
    "create stream s on table t",
    "create table c (a int autoincrement)",
    "create table c (a int) cluster by (a)",
    "create table c (a int) copy grants",
    "create table c (a int) data_retention_time_in_days = 1",
    "create table c (a int) enable_schema_evolution = true",
    "create table c (a int) with row access policy p on (a)",
    "create table c (a geography)",
    "create table c like t",
    "create tag x",
    "create task k schedule = '1 minute' as select 1",
    "create user u",
    "create warehouse w warehouse_size = xlarge",
    "describe user u",
    "drop sequence q",
    "execute immediate 'select 1'",
    "explain select 1",
    "grant select on table t to role public",
    "insert all into t values (1) select 1",
    "revoke select on table t from role public",
    "select * from information_schema.table_privileges",
    "select * from snowflake.account_usage.query_history",
    "select * from t at (offset => -60)",
    "select * from t before (statement => 'x')",
    "select * from t changes (information => default) at (offset => -60)",
    "select * from table(information_schema.copy_history(table_name => 'T', start_time => "
    "current_timestamp()))",
    "select * from table(infer_schema(location => '@x', file_format => 'f'))",
    "create table r as select random() as r",
    "insert into t select hash('a')",
    "select hash('a')",
    "select hash_agg(a) from t",
    "select random()",
    "select uniform(1, 10, random())",
    "update t set a = hash(a)",
    "select parse_json('1', 'd')",
    "select system$typeof(1)",
    "select typeof(parse_json('1'))",
    "set x = 1",
    "show grants to role public",
    "show pipes",
    "show users",
    "undrop table t",
    "use secondary roles all",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_refused_at_once_with_a_clear_message(client: Client, statement: str) -> None:
    client.run("create table t (a int)", "insert into t values (1)")
    started = time.monotonic()
    error = client.error(statement)
    assert time.monotonic() - started < 10
    if error.errno not in (1003, 2003):  # what Snowflake itself would refuse as syntax or as missing
        assert error.errno == 2, error
        assert "local Snowflake (emulated)" in str(error)
    assert client.rows("select * from t") == [(1,)]


@pytest.mark.parametrize(
    "statement", ["use role no_such_role", "use warehouse no_such_one", "use database no_such_db"]
)
def test_use_of_what_is_not_there_fails(client: Client, statement: str) -> None:
    assert "does not exist" in str(client.error(statement))


def test_roles_and_warehouses_are_named_used_and_kept(client: Client) -> None:
    client.run("create role if not exists analyst", "create warehouse if not exists reporting")
    client.run("use role analyst", "use warehouse reporting")
    assert client.rows("select current_role(), current_warehouse()") == [("ANALYST", "REPORTING")]
    assert "ANALYST" in [row["name"] for row in client.dicts("show roles")]
    assert [row["is_current"] for row in client.dicts("show warehouses") if row["name"] == "REPORTING"] == [
        "Y"
    ]
    client.run("drop role analyst", "drop warehouse reporting")
    assert "does not exist" in str(client.error("use role analyst"))
