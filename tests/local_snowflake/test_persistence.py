from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.local_snowflake.conftest import Client
from tests.support.snowflake import start_local_snowflake

COPY = (
    'copy into RAW.S.T (a) from (select $1:"a"::number(19,0) from @RAW.S.LANDING/x/) '
    "file_format = (type = parquet use_logical_type = true binary_as_text = false)"
)


def _check(client: Client) -> None:
    assert [row["name"] for row in client.dicts("show databases")] == ["RAW"]
    assert [row["name"] for row in client.dicts("show stages in schema RAW.S")] == ["LANDING"]
    assert "LOADER" in [row["name"] for row in client.dicts("show roles")]
    assert client.rows("select a, b from t order by a") == [(1, "x"), (2, "x")]
    assert client.rows("select a, j from v order by a") == [(1, "[]"), (2, "[]")]
    assert [row[0] for row in client.rows("list @LANDING")] == ["landing/x/f.parquet"]
    assert client.rows(COPY) == [("Copy executed with 0 files processed.",)]
    assert client.value("select count(*) from t") == 2
    described = {row["name"]: row for row in client.dicts("describe table t")}
    assert (described["B"]["type"], described["B"]["null?"], described["B"]["comment"]) == (
        "VARCHAR(3)",
        "N",
        "the b",
    )
    assert client.value("select comment from information_schema.tables where table_name = 'T'") == "it's t"


def test_everything_committed_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    server = start_local_snowflake(tmp_path / "data")
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "f.parquet")
    client = Client(server.connect())
    client.run(
        "create database RAW",
        "create schema RAW.S",
        "create stage RAW.S.LANDING",
        "create role LOADER",
        "create table RAW.S.T (a number(19,0), b varchar(3) not null default 'x' comment 'the b') "
        "comment = 'it''s t'",
        "create view RAW.S.V as select a, parse_json('[]') as j from RAW.S.T",
        f"put 'file://{tmp_path}/f.parquet' @RAW.S.LANDING/x/ auto_compress = false",
        COPY,
    )
    try:
        for end in (server.kill, server.stop):
            client.run("begin", "insert into RAW.S.T (a) values (99)")
            end()
            server.restart()
            client = Client(server.connect(database="RAW", schema="S"))
            _check(client)
    finally:
        server.stop()
