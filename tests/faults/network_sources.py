"""Faults between a task and its source: connections that are dropped, reset, cut, delayed or refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.headrace.config import (
    AnySource,
    GraphqlSource,
    GraphqlTable,
    MongoSource,
    MongoTable,
    MysqlSource,
    MysqlTable,
    PostgresSource,
    PostgresTable,
    RestSource,
    RestTable,
    Table,
)
from include.headrace.session import query_tag, sessions
from tests.faults.tasks import Row, Run, check
from tests.support.loads import Shop
from tests.support.mongo import start_mongo
from tests.support.mysql import start_mariadb
from tests.support.postgres import start_postgres
from tests.support.scripted_api import Asked, Reply, ScriptedApi
from tests.support.tcp_proxy import Action, Fault, Seen, TcpProxy

ROWS = 4000
PAGE = 400
DELAY_SECONDS = 0.5
QUICK = {"serverSelectionTimeoutMS": 1500, "connectTimeoutMS": 1500, "directConnection": True}
"""Direct, or the client would ask the server where it is, and go around the proxy."""
AIRLINES = """
query Orders($first: Int!, $after: String) {
  orders(first: $first, after: $after) { edges { node { id note } } pageInfo { hasNextPage endCursor } }
}
"""


def rows() -> list[tuple[int, str]]:
    """The rows of every source: hexadecimal text that does not compress to nothing."""
    return [(n, hashlib.sha256(str(n).encode()).hexdigest() * 2) for n in range(ROWS)]


@dataclass(frozen=True)
class Server:
    """A source with the table ``orders``: where it listens, and how it is read.

    ``connection`` makes an Airflow connection to a port, ``source`` the source of a name that uses a
    connection. ``catalog`` and ``data`` are how a request for the table's columns, and for its rows, is
    known; ``columns`` is the select list of RAW that equals ``rows()``. ``asks_again`` says that the client
    repeats a request by itself.
    """

    kind: str
    port: int
    connection: Callable[[int], str]
    source: Callable[[str, str], tuple[AnySource, Table]]
    data: re.Pattern[bytes]
    stop: Callable[[], None]
    asks_again: bool = False
    catalog: re.Pattern[bytes] | None = None
    columns: str = '"ID", "NOTE"'


def _moved(connection: str, port: int) -> str:
    return json.dumps({**json.loads(connection), "host": "127.0.0.1", "port": port})


def postgres(home: Path, **fields: Any) -> Server:
    server = start_postgres(home)
    server.execute("create table orders (id int primary key, note text)")
    values = ", ".join(f"({n}, '{note}')" for n, note in rows())
    server.execute(f"insert into orders values {values}")

    def source(name: str, connection: str) -> tuple[AnySource, Table]:
        table = PostgresTable(name="orders", primary_key=("id",), **fields)
        return PostgresSource(name=name, kind="postgres", connection=connection, tables=(table,)), table

    return Server(
        kind="postgres",
        port=server.port,
        connection=lambda port: _moved(server.connection_json(), port),
        source=source,
        catalog=re.compile(rb"pg_catalog\.pg_attribute a"),
        data=re.compile(rb"(?i)copy \(select"),
        stop=server.stop,
    )


def mysql(home: Path, **fields: Any) -> Server:
    server = start_mariadb(home)
    server.execute("create database shop")
    server.execute("create table orders (id int primary key, note varchar(200))", database="shop")
    server.execute_many("insert into orders values (%s, %s)", rows(), database="shop")

    def source(name: str, connection: str) -> tuple[AnySource, Table]:
        table = MysqlTable(name="orders", primary_key=("id",), **fields)
        return MysqlSource(name=name, kind="mysql", connection=connection, tables=(table,)), table

    return Server(
        kind="mysql",
        port=server.port,
        connection=lambda port: _moved(server.connection_json("shop"), port),
        source=source,
        catalog=re.compile(rb"(?i)information_schema"),
        data=re.compile(rb'(?i)select [^;]*"note"'),
        stop=server.stop,
    )


def mongo(home: Path, **fields: Any) -> Server:
    server = start_mongo(home)
    with server.client() as client:
        client["shop"]["orders"].insert_many([{"_id": n, "note": note} for n, note in rows()])

    def source(name: str, connection: str) -> tuple[AnySource, Table]:
        columns = {"id": {"path": "_id", "type": "NUMBER(10,0)"}, "note": {"path": "note", "type": "VARCHAR"}}
        table = MongoTable(name="orders", columns=columns, primary_key=("id",), **fields)
        return MongoSource(name=name, kind="mongo", connection=connection, tables=(table,)), table

    return Server(
        kind="mongo",
        port=server.port,
        connection=lambda port: _moved(server.connection_json("shop", QUICK), port),
        source=source,
        asks_again=True,
        catalog=re.compile(rb"(?:listCollections|saslStart)"),
        data=re.compile(rb"(?:find|getMore)\x00"),
        stop=server.stop,
    )


def rest_api(home: Path, **fields: Any) -> Server:
    api = ScriptedApi().start()
    records = [{"id": n, "note": note} for n, note in rows()]

    def answer(asked: Asked) -> Reply:
        page = int(asked.parameters.get("page", "1"))
        return Reply({"data": records[(page - 1) * PAGE : page * PAGE], "pages": -(-ROWS // PAGE)})

    api.handler = answer

    def source(name: str, connection: str) -> tuple[AnySource, Table]:
        table = RestTable(
            name="orders",
            path="/orders",
            records="data",
            primary_key=("id",),
            pagination={"type": "page", "pages": "pages"},
            **fields,
        )
        return RestSource(name=name, kind="rest", connection=connection, tables=(table,)), table

    return _api_server("rest", api, source, re.compile(rb"GET /orders"))


def graphql_api(home: Path, **fields: Any) -> Server:
    api = ScriptedApi().start()
    edges = [{"node": {"id": n, "note": note}} for n, note in rows()]

    def answer(asked: Asked) -> Reply:
        start = int(json.loads(asked.body)["variables"].get("after") or 0)
        info = {"hasNextPage": start + PAGE < ROWS, "endCursor": str(start + PAGE)}
        return Reply({"data": {"orders": {"edges": edges[start : start + PAGE], "pageInfo": info}}})

    api.handler = answer

    def source(name: str, connection: str) -> tuple[AnySource, Table]:
        table = GraphqlTable(
            name="orders", query=AIRLINES, records="orders", size=PAGE, primary_key=("id",), **fields
        )
        return GraphqlSource(name=name, kind="graphql", connection=connection, tables=(table,)), table

    return _api_server("graphql", api, source, re.compile(rb"POST /graphql"))


def _api_server(
    kind: str,
    api: ScriptedApi,
    source: Callable[[str, str], tuple[AnySource, Table]],
    data: re.Pattern[bytes],
) -> Server:
    return Server(
        kind=kind,
        port=api.port,
        connection=lambda port: json.dumps({"conn_type": "http", "host": f"http://127.0.0.1:{port}"}),
        source=source,
        data=data,
        asks_again=True,
        columns='"ID"::NUMBER AS "ID", "PAYLOAD":note::VARCHAR AS "NOTE"',
        stop=api.stop,
    )


SERVERS: dict[str, Callable[..., Server]] = {
    "postgres": postgres,
    "mysql": mysql,
    "mongo": mongo,
    "rest": rest_api,
    "graphql": graphql_api,
}


@dataclass(frozen=True)
class Injection:
    """One fault of one source's network, by the name of its moment."""

    kind: str
    moment: str
    action: Action
    after: int
    request: re.Pattern[bytes] | None
    occurrence: int = 1
    lost: bool = False
    times: int = 1

    def __str__(self) -> str:
        often = "" if self.times == 1 else f" {self.times} times"
        return f"{self.kind}: {self.moment}: {self.action}{often}"


class Far:
    """A server behind a proxy, and a table of RAW that is replaced by what it holds, again and again.

    ``conn_id`` is the Airflow connection to the local Snowflake.
    """

    def __init__(self, server: Server, conn_id: str, folder: Path) -> None:
        self.server = server
        self.proxy = TcpProxy(server.port)
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._sessions = sessions(conn_id, query_tag(dag_id="faults"))
        self.shop = Shop(self._sessions, folder)
        name = f"{server.kind}_{id(self):x}"
        os.environ[f"AIRFLOW_CONN_{name.upper()}"] = server.connection(self.proxy.port)
        self.source, self.table = server.source(self.shop.source, name)
        self.loads = 0

    def stop(self) -> None:
        self.proxy.stop()

    def _run(self) -> Run:
        self.loads += 1
        return Run(self._sessions, self.source, self.table, self._folder)

    def injections(self) -> list[Injection]:
        """Each moment of a read with each fault; the moments are found by reading once without any."""
        with self.proxy.recorded() as seen:
            self._run().finish()
        moments = _moments(self.server, seen)
        # What a client asks again by itself must be lost more often before its task sees it.
        often = (1, 9) if self.server.asks_again else (1,)
        found = [Injection(self.server.kind, "connect", "refuse", 0, None, times=times) for times in often]
        actions: Sequence[Action] = ("drop", "reset", "cut", "delay")
        for name, (request, occurrence, after, lost) in moments.items():
            for action in actions:
                if lost and action in ("cut", "delay"):
                    continue
                for times in often:
                    if action == "delay" and times > 1:
                        continue
                    found.append(
                        Injection(self.server.kind, name, action, after, request, occurrence, lost, times)
                    )
        return found

    def inject(self, injection: Injection) -> int:
        """Run with the fault, then again without; how often it happened. Raises when rows differ."""
        run = self._run()
        fault = Fault(
            injection.action,
            injection.after,
            injection.request,
            injection.occurrence,
            injection.lost,
            injection.times,
            DELAY_SECONDS,
        )
        with self.proxy.broken(fault):
            run.go()
        run.finish()
        expected: list[Row] = list(rows())
        check(self.shop, "orders", self.server.columns, expected, self.loads)
        return fault.done


Moment = tuple[re.Pattern[bytes] | None, int, int, bool]


def _moments(server: Server, seen: Sequence[Seen]) -> dict[str, Moment]:
    """By name: after which request (and the how manieth), and how many bytes of the answer; or it is lost."""
    asked = sum(bool(server.data.search(data)) for one in seen for _, data in one.requests)
    carried = max(_answered(one, server.data) for one in seen)
    found: dict[str, Moment] = {
        "first byte": (None, 1, 0, False),
        "sign-in": (None, 1, 8, False),
        "request of the rows": (server.data, 1, 0, True),
        "first byte of the rows": (server.data, 1, 0, False),
        "first rows": (server.data, 1, 300, False),
    }
    if server.catalog is not None:
        found["request of the catalog"] = (server.catalog, 1, 0, True)
        found["answer of the catalog"] = (server.catalog, 1, 20, False)
    if asked > 2:
        # Several requests, one a page: the middle one and the last.
        found["request in the middle"] = (server.data, asked // 2, 0, True)
        found["answer in the middle"] = (server.data, asked // 2, 500, False)
        found["last request"] = (server.data, asked, 0, True)
        found["last answer"] = (server.data, asked, 500, False)
    else:
        found["middle of the rows"] = (server.data, 1, carried // 2, False)
        found["last rows"] = (server.data, 1, carried - 200, False)
    return found


def _answered(one: Seen, data: re.Pattern[bytes]) -> int:
    """Bytes of replies on a connection since its first request that matches."""
    starts = [before for before, request in one.requests if data.search(request)]
    return one.reply_bytes - starts[0] if starts else 0
