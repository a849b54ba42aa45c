"""A small source of each of the eight kinds, with rows that grow: what the tasks of the fault suite load."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.mongo import start_mongo
from tests.support.mysql import start_mariadb
from tests.support.postgres import start_postgres
from tests.support.scripted_api import Asked, Reply, ScriptedApi

BEGINNING = datetime(2024, 5, 1)
NEW_ROWS = 12
"""How many rows come before each load."""

QUERY = (
    "query Orders($first: Int!, $after: String) { orders(first: $first, after: $after) "
    "{ edges { node { id state } } pageInfo { hasNextPage endCursor } } }"
)


@dataclass
class Store:
    """One source with the table ``orders``.

    ``table`` is the table in its source file, ``fields`` is what else stands there. ``put`` gives the
    source new and changed rows: id, state, time of change. ``columns`` is the select list of RAW that
    equals a row's id and state. ``bad`` is how many records of the source can only be set aside.
    """

    kind: str
    table: dict[str, Any]
    fields: dict[str, Any]
    put: Callable[[list[tuple[int, str, datetime]]], None]
    columns: str = '"ID", "STATE"'
    changes_rows: bool = False
    rows: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    bad: int = 0

    def grow(self) -> None:
        """New rows, and where the disposition brings changes to RAW, a changed one."""
        start = len(self.rows)
        moment = BEGINNING + timedelta(hours=start)
        new = [
            (n, f"state {n} é", moment + timedelta(minutes=n - start)) for n in range(start, start + NEW_ROWS)
        ]
        if self.changes_rows and start:
            new.insert(0, (start - 1, f"changed at {start}", moment))
        self.rows |= {number: (state, changed) for number, state, changed in new}
        self.put(new)

    def source_file(self) -> str:
        """The source file; JSON is YAML."""
        return json.dumps({"kind": self.kind, **self.fields, "tables": [{"name": "orders", **self.table}]})


MERGED = {"primary_key": ["id"], "cursor": "changed", "disposition": "merge", "overlap": "1h"}
APPENDED = {"cursor": "changed", "disposition": "append"}


@contextmanager
def postgres(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    server = start_postgres(home)
    try:
        server.execute("create table orders (id bigint, state text, changed timestamp)")

        def put(rows: list[tuple[int, str, datetime]]) -> None:
            values = ", ".join(f"({n}, '{state}', '{changed.isoformat()}')" for n, state, changed in rows)
            server.execute(f"insert into orders values {values}")

        store = Store("postgres", {**APPENDED, "readers": 2}, {"connection": "faults_postgres"}, put)
        yield store, {"faults_postgres": server.connection_json()}
    finally:
        server.stop()


@contextmanager
def mysql(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    server = start_mariadb(home)
    try:
        server.execute("create database shop")
        server.execute(
            "create table orders (id bigint primary key, state varchar(60) charset utf8mb4, "
            "changed datetime(6))",
            database="shop",
        )

        def put(rows: list[tuple[int, str, datetime]]) -> None:
            server.execute_many("replace into orders values (%s, %s, %s)", rows, database="shop")

        store = Store("mysql", MERGED, {"connection": "faults_mysql"}, put, changes_rows=True)
        yield store, {"faults_mysql": server.connection_json("shop")}
    finally:
        server.stop()


@contextmanager
def mongo(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    server = start_mongo(home)
    try:
        with server.client() as client:
            orders = client["shop"]["orders"]

            def put(rows: list[tuple[int, str, datetime]]) -> None:
                for number, state, changed in rows:
                    document = {"_id": number, "state": state, "changed": changed.replace(tzinfo=UTC)}
                    orders.replace_one({"_id": number}, document, upsert=True)

            columns = {
                "id": {"path": "_id", "type": "NUMBER(10,0)"},
                "state": "VARCHAR",
                "changed": "TIMESTAMP_TZ",
            }
            table = {**MERGED, "columns": columns}
            store = Store("mongo", table, {"connection": "faults_mongo"}, put, changes_rows=True)
            yield store, {"faults_mongo": server.connection_json("shop")}
    finally:
        server.stop()


@contextmanager
def rest(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    api = ScriptedApi().start()
    table = {
        **MERGED,
        "path": "/orders",
        "records": "data",
        "columns": {"state": "VARCHAR", "changed": "TIMESTAMP_TZ"},
        "pagination": {"type": "page", "pages": "pages"},
    }
    store = Store(
        "rest",
        table,
        {"connection": "faults_rest"},
        lambda rows: None,
        columns='"ID"::NUMBER AS "ID", "STATE"',
        changes_rows=True,
    )

    def answer(asked: Asked) -> Reply:
        page = int(asked.parameters.get("page", "1"))
        records = [
            {"id": number, "state": state, "changed": changed.replace(tzinfo=UTC).isoformat()}
            for number, (state, changed) in store.rows.items()
        ]
        return Reply({"data": records[(page - 1) * 100 : page * 100], "pages": -(-len(records) // 100)})

    api.handler = answer
    try:
        yield store, {"faults_rest": api.connection()}
    finally:
        api.stop()


@contextmanager
def graphql(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    api = ScriptedApi().start()
    store = Store(
        "graphql",
        {"query": QUERY, "records": "orders", "size": 100, "primary_key": ["id"]},
        {"connection": "faults_graphql"},
        lambda rows: None,
        columns='"ID"::NUMBER AS "ID", "PAYLOAD":state::VARCHAR AS "STATE"',
        changes_rows=True,
    )

    def answer(asked: Asked) -> Reply:
        start = int(json.loads(asked.body)["variables"].get("after") or 0)
        edges = [{"node": {"id": number, "state": state}} for number, (state, _) in store.rows.items()]
        info = {"hasNextPage": start + 100 < len(edges), "endCursor": str(start + 100)}
        return Reply({"data": {"orders": {"edges": edges[start : start + 100], "pageInfo": info}}})

    api.handler = answer
    try:
        yield store, {"faults_graphql": api.connection()}
    finally:
        api.stop()


@contextmanager
def csv_files(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    folder = _folder(home)
    columns = {"id": "NUMBER(10,0)", "changed": "TIMESTAMP_NTZ"}
    store = Store(
        "csv",
        {**APPENDED, "path": "*.csv", "columns": columns, "readers": 2},
        {"location": str(folder)},
        lambda rows: None,
    )

    def put(rows: list[tuple[int, str, datetime]]) -> None:
        """A file more, with one line that no column takes."""
        store.bad += 1
        with (folder / f"orders-{rows[0][0]:06d}.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(["id", "state", "changed"])
            writer.writerows([number, state, changed.isoformat()] for number, state, changed in rows)
            writer.writerow([f"none {rows[0][0]}", "bad", rows[0][2].isoformat()])

    store.put = put
    yield store, {}


@contextmanager
def json_files(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    folder = _folder(home)
    store = Store(
        "json",
        {"path": "*.ndjson", "primary_key": ["id"], "columns": {"id": "NUMBER(10,0)"}},
        {"location": str(folder)},
        lambda rows: None,
        columns='"ID", "PAYLOAD":state::VARCHAR AS "STATE"',
        changes_rows=True,
    )

    def put(rows: list[tuple[int, str, datetime]]) -> None:
        lines = [json.dumps({"id": number, "state": state}) for number, (state, _) in store.rows.items()]
        (folder / "orders.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")

    store.put = put
    yield store, {}


@contextmanager
def parquet_files(home: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    folder = _folder(home)

    def put(rows: list[tuple[int, str, datetime]]) -> None:
        numbers, states, times = zip(*rows, strict=True)
        table = pa.table({"id": numbers, "state": states, "changed": pa.array(times, pa.timestamp("us"))})
        pq.write_table(table, folder / f"orders-{max(numbers):06d}.parquet", row_group_size=5)

    store = Store(
        "parquet",
        {**MERGED, "path": "*.parquet", "readers": 2},
        {"location": str(folder)},
        put,
        changes_rows=True,
    )
    yield store, {}


def _folder(home: Path) -> Path:
    folder = home / "files"
    folder.mkdir(parents=True)
    return folder


STORES = {
    "postgres": postgres,
    "mysql": mysql,
    "mongo": mongo,
    "rest": rest,
    "graphql": graphql,
    "csv": csv_files,
    "json": json_files,
    "parquet": parquet_files,
}
