"""The source changes while it is read: one state of it is loaded, and the next load brings the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.headrace import extract
from include.headrace.config import (
    AnySource,
    MongoSource,
    MongoTable,
    MysqlSource,
    MysqlTable,
    PostgresSource,
    PostgresTable,
    Table,
)
from include.headrace.readers import reader_for
from include.headrace.readers.base import Extraction, Reader, Span
from include.headrace.session import Session
from tests.faults.tasks import Row, Run, check
from tests.load.conftest import open_session, snowflake
from tests.support.loads import Shop
from tests.support.mongo import start_mongo
from tests.support.mysql import start_mariadb
from tests.support.postgres import start_postgres

__all__ = ["open_session", "snowflake"]

NOON = datetime(2024, 5, 1, 12)
MINUTE = timedelta(minutes=1)
ROWS = 3000
"""More than one batch of each server."""

SQL = """
create table orders (id int primary key, state varchar(40), changed {time});
insert into orders select n, 'new', {noon} from {numbers};
"""


@dataclass
class Database:
    """A server with the table ``orders`` (id, state, changed): how to change it, and how to read it."""

    kind: str
    execute: Callable[[str], Any]
    source: Callable[..., tuple[AnySource, Table]]
    dsn: str = ""

    def rows(self) -> list[Row]:
        return [(row[0], row[1]) for row in self.execute("select id, state from orders")]


@contextmanager
def postgres(home: Path) -> Iterator[Database]:
    server = start_postgres(home)
    server.execute(
        SQL.format(time="timestamp", noon=f"'{NOON}'", numbers=f"generate_series(1, {ROWS}) as s(n)")
    )
    os.environ["AIRFLOW_CONN_CHANGING_POSTGRES"] = server.connection_json()

    def source(name: str, **fields: Any) -> tuple[AnySource, Table]:
        table = PostgresTable(name="orders", primary_key=("id",), **fields)
        return PostgresSource(
            name=name, kind="postgres", connection="changing_postgres", tables=(table,)
        ), table

    yield Database("postgres", server.execute, source, server.dsn)
    server.stop()


@contextmanager
def mysql(home: Path) -> Iterator[Database]:
    server = start_mariadb(home)
    server.execute("create database shop")
    statements = SQL.format(
        time="datetime", noon=f"'{NOON}'", numbers=f"(select seq as n from seq_1_to_{ROWS}) as s"
    )
    server.execute(statements, database="shop")
    os.environ["AIRFLOW_CONN_CHANGING_MYSQL"] = server.connection_json("shop")

    def source(name: str, **fields: Any) -> tuple[AnySource, Table]:
        table = MysqlTable(name="orders", primary_key=("id",), **fields)
        return MysqlSource(name=name, kind="mysql", connection="changing_mysql", tables=(table,)), table

    yield Database("mysql", lambda statement: server.execute(statement, database="shop"), source)
    server.stop()


@pytest.fixture(scope="module", params=[postgres, mysql], ids=lambda server: server.__name__)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with request.param(tmp_path_factory.mktemp("changing")) as made:
        yield made


@pytest.fixture
def shop(open_session: Callable[[], Session], tmp_path: Path) -> Shop:
    return Shop(open_session, tmp_path)


@dataclass(frozen=True)
class Interrupted:
    """A reader during whose reads, once they began, something happens to the source."""

    reader: Reader
    happening: Callable[[], Any]

    @contextmanager
    def open(self, span: Span) -> Iterator[Extraction]:
        with self.reader.open(span) as extraction:
            self.happening()
            yield extraction


@pytest.fixture
def while_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have something happen in each extract from now on, or nothing again."""

    def begin(happening: Callable[[], Any] = lambda: None) -> None:
        def made(source: AnySource, table: Table) -> Reader:
            return Interrupted(reader_for(source, table), happening)

        monkeypatch.setattr(extract, "reader_for", made)

    return begin


def run(shop: Shop, source: AnySource, table: Table) -> dict[str, Any]:
    return Run(shop.open_session, source, table, shop.folder).finish()


def change_everywhere(database: Database) -> None:
    """A row more, the last one and the first changed, one in the middle gone: in one transaction."""
    [[last]] = database.execute("select max(id) from orders")
    database.execute(
        f"begin; insert into orders values ({last + 1}, 'late', '{NOON + MINUTE}'); "
        f"update orders set state = 'changed', changed = '{NOON + MINUTE}' where id in (1, {last}); "
        f"delete from orders where id = {last // 2}; commit"
    )


def test_what_is_loaded_is_the_source_as_it_was_when_the_read_began(
    database: Database, shop: Shop, while_reading: Callable[..., None]
) -> None:
    source, table = database.source(shop.source)
    before = database.rows()
    while_reading(lambda: change_everywhere(database))
    run(shop, source, table)
    check(shop, "orders", '"ID", "STATE"', before, loads=1)
    now = database.rows()
    assert set(now) != set(before)
    while_reading()
    run(shop, source, table)
    check(shop, "orders", '"ID", "STATE"', now, loads=2)


def test_changes_during_an_incremental_read_come_with_the_next_one(
    database: Database, shop: Shop, while_reading: Callable[..., None]
) -> None:
    source, table = database.source(shop.source, disposition="merge", cursor="changed")
    before = database.rows()
    [[last]] = database.execute("select max(id) from orders")
    after = NOON + 5 * MINUTE
    while_reading(
        lambda: database.execute(
            f"begin; insert into orders values ({last + 1}, 'late', '{after}'); "
            f"update orders set state = 'later', changed = '{after}' where id = {last}; commit"
        )
    )
    run(shop, source, table)
    check(shop, "orders", '"ID", "STATE"', before, loads=1)
    while_reading()
    run(shop, source, table)
    check(shop, "orders", '"ID", "STATE"', database.rows(), loads=2)


def test_a_column_that_comes_or_goes_between_extract_and_load_waits_for_the_next_load(
    database: Database, shop: Shop
) -> None:
    source, table = database.source(shop.source, disposition="merge", cursor="changed")
    started = Run(shop.open_session, source, table, shop.folder)
    started.extract()
    [[last]] = database.execute("select max(id) from orders")
    before = database.rows()
    database.execute("alter table orders add column note varchar(20)")
    database.execute(
        f"update orders set note = 'here', changed = '{NOON + timedelta(hours=1)}' where id = {last}"
    )
    started.finish()
    check(shop, "orders", '"ID", "STATE"', before, loads=1)
    run(shop, source, table)
    assert (last, "here") in shop.rows('"ID", "NOTE"')
    database.execute("alter table orders drop column note")
    database.execute(f"insert into orders values ({last + 1}, 'new', '{NOON + timedelta(hours=2)}')")
    run(shop, source, table)
    check(shop, "orders", '"ID", "STATE"', database.rows(), loads=3)
    noted = dict(shop.rows('"ID", "NOTE"'))
    assert (noted[last], noted[last + 1]) == ("here", None)


def test_a_transaction_that_commits_late_is_seen_within_the_overlap(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with postgres(tmp_path_factory.mktemp("late")) as database:
        source, table = database.source(
            shop.source, disposition="merge", cursor="changed", overlap=timedelta(minutes=10)
        )
        with psycopg.connect(database.dsn) as late:
            late.execute(f"insert into orders values (9001, 'late', '{NOON + MINUTE}')".encode())
            database.execute(f"insert into orders values (9002, 'first', '{NOON + 5 * MINUTE}')")
            run(shop, source, table)
            assert datetime.fromisoformat(str(shop.watermark())) == NOON + 5 * MINUTE
            assert (9001, "late") not in shop.rows()
            late.commit()
        run(shop, source, table)
        check(shop, "orders", '"ID", "STATE"', database.rows(), loads=2)


def test_documents_that_change_while_they_are_read_come_once_and_all_with_the_next_load(
    shop: Shop,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    while_reading: Callable[..., None],
) -> None:
    server = start_mongo(tmp_path_factory.mktemp("changing-mongo"))
    monkeypatch.setenv("AIRFLOW_CONN_CHANGING_MONGO", server.connection_json("shop"))
    columns = {"id": {"path": "_id", "type": "NUMBER(10,0)"}, "state": {"path": "state", "type": "VARCHAR"}}
    table = MongoTable(
        name="orders",
        primary_key=("id",),
        disposition="merge",
        cursor="changed",
        columns={**columns, "changed": {"path": "changed", "type": "TIMESTAMP_NTZ"}},
    )
    source = MongoSource(name=shop.source, kind="mongo", connection="changing_mongo", tables=(table,))
    noon = NOON.replace(tzinfo=UTC)
    try:
        with server.client() as client:
            orders = client["shop"]["orders"]
            orders.insert_many([{"_id": n, "state": "new", "changed": noon} for n in range(1, ROWS + 1)])

            def change() -> None:
                later = noon + MINUTE
                orders.insert_one({"_id": ROWS + 1, "state": "late", "changed": later})
                orders.update_one({"_id": ROWS}, {"$set": {"state": "changed", "changed": later}})
                orders.update_one({"_id": 1}, {"$set": {"state": "changed", "changed": later}})

            while_reading(change)
            run(shop, source, table)
            ids = [number for (number,) in shop.rows('"ID"')]
            assert len(ids) == len(set(ids))
            assert set(range(1, ROWS + 1)) <= set(ids)
            while_reading()
            run(shop, source, table)
            now = [(one["_id"], one["state"]) for one in orders.find()]
            check(shop, "orders", '"ID", "STATE"', now, loads=2)
    finally:
        server.stop()
