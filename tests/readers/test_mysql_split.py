"""A MySQL table that several connections read: every row once, out of one snapshot, or one reader instead."""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.errors import PassingError
from include.headrace.readers.base import Extraction, Span, streams_of
from include.headrace.readers.mysql_split import boundaries
from tests.support.certificates import make_certificates
from tests.support.mysql import start_mariadb
from tests.support.reading import mysql_reader

Sql = Callable[..., Any]


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    certificates = make_certificates(tmp_path_factory.mktemp("mysql-certificates"))
    server = start_mariadb(
        tmp_path_factory.mktemp("mysql-split"),
        f"--ssl-ca={certificates.ca}",
        f"--ssl-cert={certificates.server}",
        f"--ssl-key={certificates.server_key}",
    )
    os.environ["AIRFLOW_CONN_SPLIT_MYSQL"] = server.connection_json("shop")
    yield server
    del os.environ["AIRFLOW_CONN_SPLIT_MYSQL"]
    server.stop()


@pytest.fixture
def sql(mariadb: MariadbServer) -> Sql:
    """Run SQL in the database ``shop``, which each test begins with empty."""
    mariadb.execute("drop database if exists shop; create database shop")

    def run(statement: str, values: tuple[Any, ...] = ()) -> Any:
        return mariadb.execute(statement, values, database="shop")

    return run


def opened(name: str = "items", span: Span | None = None, **fields: Any) -> Any:
    return mysql_reader("split_mysql", name, **{"readers": 3, **fields}).open(span or Span())


def read_streams(extraction: Extraction) -> list[list[dict[str, Any]]]:
    """The rows of each stream, all read at the same time."""
    streams = streams_of(extraction)
    with ThreadPoolExecutor(len(streams)) as pool:
        return list(pool.map(lambda one: [row for piece in one for row in piece.rows.to_pylist()], streams))


def ids(name: str = "items", span: Span | None = None, streams: int = 3, **fields: Any) -> list[int]:
    with opened(name, span, **fields) as extraction:
        found = read_streams(extraction)
    assert len(found) == streams
    return sorted(row["id"] for rows in found for row in rows)


KEYS = {
    "dense": ("int", range(1, 2001)),
    "one row": ("int", [7]),
    "none": ("int", []),
    "negative": ("bigint", [-(2**63), -5, -1, 0, 1, 2**63 - 1]),
    "unsigned": ("bigint unsigned", [0, 1, 2**63 - 1, 2**63, 2**64 - 1]),
    "crowded": ("bigint", [*range(1000), 2**40, *range(2**62, 2**62 + 1000)]),
    "tiny": ("tinyint", range(-128, 128)),
}


@pytest.mark.parametrize("case", KEYS)
@pytest.mark.parametrize("extra", [{}, {"ssl_mode": "REQUIRED"}])
def test_every_row_is_in_one_stream_once(
    sql: Sql, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch, case: str, extra: dict[str, Any]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPLIT_MYSQL", mariadb.connection_json("shop", extra))
    kind, keys = KEYS[case]
    sql(f"create table items (id {kind} primary key, t varchar(9))")
    if keys:
        sql(f"insert into items values {', '.join(f'({key}, null)' for key in keys)}")
    sql("analyze table items")
    assert ids() == sorted(keys)
    with opened() as extraction:
        assert sorted(row["id"] for piece in extraction.pieces() for row in piece.rows.to_pylist()) == sorted(
            keys
        )


def test_spans_samples_and_rows_set_aside_are_those_of_one_reader(sql: Sql) -> None:
    sql("create table items (id int primary key, at datetime)")
    sql("insert into items select seq, '2013-07-01' + interval seq minute from seq_1_to_3000")
    sql("set sql_mode = ''; update items set at = 0 where id % 1000 = 0")
    span = Span(lower="2013-07-01 10:00:00", upper="2013-07-02 20:00:00")
    assert ids(span=span, cursor="at") == [number for number in range(600, 2640) if number % 1000]
    assert ids(sample=0.2) == ids(sample=0.2, readers=1, streams=1) != []
    with opened(cursor="at", primary_key=("id",)) as extraction:
        told = [one.position for stream in streams_of(extraction) for p in stream for one in p.rejected]
    assert sorted(told) == ["shop.items id=1000", "shop.items id=2000", "shop.items id=3000"]


def test_the_streams_are_of_one_moment_though_others_write(sql: Sql, mariadb: MariadbServer) -> None:
    """Whoever moves an amount from one row to another never changes the sum."""
    sql("create table items (id int primary key, v int) engine = InnoDB")
    sql("insert into items select seq, 100 from seq_1_to_400")
    done = threading.Event()

    def move(seed: int) -> None:
        number = seed
        while not done.is_set():
            number += 1
            low, high = number * 7 % 200 + 1, number * 13 % 200 + 201
            sql(f"""
                begin; update items set v = v - 1 where id = {low}; update items set v = v + 1
                where id = {high}; insert into items values ({1000 + number}, 0); commit
            """)

    with ThreadPoolExecutor(2) as pool:
        moving = [pool.submit(move, seed) for seed in (0, 1_000_000)]
        try:
            for _ in range(8):
                with opened() as extraction:
                    found = [row for rows in read_streams(extraction) for row in rows]
                assert sum(row["v"] for row in found) == 40_000
                assert len({row["id"] for row in found}) == len(found) >= 400
        finally:
            done.set()
        for one in moving:
            one.result()


@pytest.mark.parametrize(
    "made",
    [
        "create table items (id int, t int default 0, primary key (id, t))",
        "create table items (id varchar(20) primary key)",
        "create table items (id int)",
        "create table items (id int primary key) engine = MyISAM",
        "create table base (id int primary key); create view items as select * from base",
    ],
)
def test_what_cannot_be_shared_has_one_reader(sql: Sql, made: str, caplog: pytest.LogCaptureFixture) -> None:
    sql(made)
    sql(f"insert into {'base' if 'base' in made else 'items'} (id) select seq from seq_1_to_50")
    with caplog.at_level(logging.INFO), opened() as extraction:
        [rows] = read_streams(extraction)
    assert sorted(int(row["id"]) for row in rows) == list(range(1, 51))
    assert "shop.items is read by one reader: it is no InnoDB table keyed by one whole number" in caplog.text


def test_a_limit_means_one_reader(sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    sql("create table items (id int primary key); insert into items select seq from seq_1_to_50")
    assert ids(limit=3, primary_key=("id",), streams=1) == [1, 2, 3]
    monkeypatch.setenv("HEADRACE_ENV", "prod")
    assert len(ids(limit=3, primary_key=("id",))) == 50


def test_without_the_right_to_lock_there_is_one_reader(
    sql: Sql, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sql("create table items (id int primary key); insert into items select seq from seq_1_to_50")
    sql("create user someone@'127.0.0.1' identified by 'someone-s own'")
    sql("grant select on shop.* to someone@'127.0.0.1'")
    fields = {**json.loads(mariadb.connection_json("shop")), "login": "someone", "password": "someone-s own"}
    monkeypatch.setenv("AIRFLOW_CONN_SPLIT_MYSQL", json.dumps(fields))
    try:
        assert len(ids(streams=1)) == 50
        assert "could not be locked: Access denied" in caplog.text
        sql("grant lock tables on shop.* to someone@'127.0.0.1'")
        assert len(ids()) == 50
    finally:
        sql("drop user someone@'127.0.0.1'")


def test_a_writer_that_does_not_end_is_not_waited_for(
    sql: Sql, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("include.headrace.readers.mysql_split.LOCK_SECONDS", 1)
    sql("create table items (id int primary key) engine = InnoDB; insert into items values (1)")
    with mariadb._connected("shop") as writer:
        writer.autocommit(False)
        writer.query("insert into items values (2)")
        assert ids(streams=1) == [1]
        assert "could not be locked: Lock wait timeout" in caplog.text
        writer.commit()
    assert ids() == [1, 2]


READING = "from information_schema.processlist where user = 'headrace' and id <> connection_id()"


def connections(mariadb: MariadbServer) -> int:
    return int(mariadb.execute(f"select count(*) {READING}")[0][0])


LONG = "create table items (id int primary key, t text) as select seq as id, repeat('x', 400) as t"


def all_gone(mariadb: MariadbServer) -> bool:
    return any(mariadb.execute("select sleep(0.05)") and connections(mariadb) == 0 for _ in range(100))


def test_leaving_early_leaves_no_connection(sql: Sql, mariadb: MariadbServer) -> None:
    sql(f"{LONG} from seq_1_to_60000")
    with opened() as extraction:
        streams = streams_of(extraction)
        next(iter(streams[0]))
        assert connections(mariadb) == 3
    assert all_gone(mariadb), "the streams are still held here"
    del streams


def test_cancelling_ends_reads_that_wait(sql: Sql, mariadb: MariadbServer) -> None:
    sql(f"{LONG} from seq_1_to_60000")
    with opened() as extraction:
        streams = [iter(stream) for stream in streams_of(extraction)]
        for stream in streams:
            next(stream)
        extraction.cancel()
        for stream in streams:
            with pytest.raises(PassingError, match="broke off"):
                list(stream)
    assert all_gone(mariadb)


def test_a_stream_whose_connection_is_killed_says_so(sql: Sql, mariadb: MariadbServer) -> None:
    sql(f"{LONG} from seq_1_to_60000")
    with opened() as extraction:
        streams = [iter(stream) for stream in streams_of(extraction)]
        next(streams[0])
        for (number,) in mariadb.execute(f"select id {READING}"):
            mariadb.execute(f"kill {number}")
        for stream in streams:
            with pytest.raises(PassingError, match="broke off"):
                list(stream)


@pytest.mark.parametrize(
    "keys",
    [
        list(range(10_000)),
        [*range(5000), *range(2**62, 2**62 + 5000)],
        [number**3 for number in range(2000)],
        [-(2**63), 2**64 - 1],
    ],
)
def test_boundaries_cut_gaps_and_crowds_into_like_parts(keys: list[int]) -> None:
    def counted(low: int, end: int) -> int:
        return sum(low <= key < end for key in keys)

    cuts = boundaries(counted, keys[0], keys[-1], 8)
    assert cuts == sorted(set(cuts))
    edges = [keys[0], *cuts, keys[-1] + 1]
    sizes = [counted(low, end) for low, end in itertools.pairwise(edges)]
    assert sum(sizes) == len(keys)
    assert max(sizes) <= max(1, len(keys) // 8)
    assert len(sizes) <= 17
