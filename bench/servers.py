"""The servers of the demo with the bench's tables in them, filled once and kept for the next run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import making
from bench.datasets import Dataset
from bench.documents import Documents
from bench.fidelity import EXACT, files_of, relation
from bench.places import SERVERS
from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.server_process import HOST, USER

DATABASE = {"postgres": "postgres", "mysql": "bench", "mongo": "bench"}


@dataclass(frozen=True)
class Address:
    """What a job says of its server."""

    kind: str
    port: int
    password: str

    def fields(self) -> dict[str, Any]:
        """The fields of a job."""
        return {
            "kind": self.kind,
            "host": HOST,
            "port": self.port,
            "user": USER,
            "password": self.password,
            "database": DATABASE[self.kind],
        }


@contextmanager
def postgres(home: Path = SERVERS) -> Iterator[PostgresServer]:
    """A running PostgreSQL server, stopped at the end."""
    server = PostgresServer(home / "postgres")
    try:
        yield server.start()
    finally:
        server.stop()


@contextmanager
def mariadb(home: Path = SERVERS) -> Iterator[MariadbServer]:
    """A running MariaDB server with the bench's database, stopped at the end.

    Its default mode would refuse the dates with zeros that old tables hold.
    """
    server = MariadbServer(home / "mariadb", ("--sql-mode=NO_ENGINE_SUBSTITUTION",))
    try:
        server.start().execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE['mysql']}")
        yield server
    finally:
        server.stop()


@contextmanager
def mongo(home: Path = SERVERS) -> Iterator[MongoServer]:
    """A running MongoDB server, stopped at the end."""
    server = MongoServer(home / "mongo")
    try:
        yield server.start()
    finally:
        server.stop()


def address(server: PostgresServer | MariadbServer | MongoServer) -> Address:
    """Where a server is reached."""
    kinds = {PostgresServer: "postgres", MariadbServer: "mysql", MongoServer: "mongo"}
    return Address(kinds[type(server)], server.port, server.password)


def fill_postgres(server: PostgresServer, dataset: Dataset, rows: int) -> str:
    """The name of the table with this data; filled when it is not there. A half-filled one is never named."""
    table = dataset.table(rows)
    if server.execute("SELECT to_regclass(%s)", (table,)) == [(None,)]:
        columns = ", ".join(f"{column.name} {column.postgres}" for column in dataset.columns)
        path = making.filling(dataset, rows)
        with psycopg.connect(server.dsn) as connection:
            connection.execute(
                f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({', '.join(dataset.key)}))".encode()
            )
            copy = f"COPY {table} FROM STDIN (FORMAT csv, NULL 'NULL')".encode()
            with path.open("rb") as file, connection.cursor().copy(copy) as into:
                while chunk := file.read(1 << 20):
                    into.write(chunk)
        path.unlink()
        server.execute(f"VACUUM ANALYZE {table}")
    return table


def fill_mariadb(server: MariadbServer, dataset: Dataset, rows: int) -> str:
    """The same in MariaDB, which reads the file itself."""
    table, database = dataset.table(rows), DATABASE["mysql"]
    there = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    if not server.execute(there, (database, table)):
        columns = ", ".join(f"{column.name} {column.mysql}" for column in dataset.columns)
        path = making.filling(dataset, rows)
        new = f"{table}_new"
        server.execute(f"DROP TABLE IF EXISTS {new}", database=database)
        server.execute(
            f"CREATE TABLE {new} ({columns}, PRIMARY KEY ({', '.join(dataset.key)}))", database=database
        )
        server.execute(
            f"LOAD DATA INFILE %s INTO TABLE {new} CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' "
            "OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''",
            (str(path),),
            database=database,
        )
        server.execute(f"ANALYZE TABLE {new}", database=database)
        server.execute(f"RENAME TABLE {new} TO {table}", database=database)
        path.unlink()
    return table


def fill_mongo(server: MongoServer, documents: Documents) -> str:
    """The name of the collection with these documents; filled when it is not there."""
    with server.client() as client:
        database = client[DATABASE["mongo"]]
        if documents.name not in database.list_collection_names():
            new = f"{documents.name}_new"
            database.drop_collection(new)
            for batch in documents.batches():
                database[new].insert_many(batch)
            database[new].rename(documents.name)
    return documents.name


@contextmanager
def generated(server: PostgresServer, rows: int) -> Iterator[str]:
    """A narrow table that PostgreSQL makes itself, for the block."""
    table = f"generated_{rows}"
    server.execute(f"DROP TABLE IF EXISTS {table}")
    server.execute(
        f"CREATE UNLOGGED TABLE {table} AS SELECT i AS id, (i * 7919 % 100000)::integer AS amount, "
        "(i % 9973) / 7.0::double precision AS ratio, left(md5(i::text), 12) AS name, "
        f"date '2000-01-01' + (i % 9000)::integer AS day FROM generate_series(1::bigint, {rows}) i"
    )
    try:
        yield table
    finally:
        server.execute(f"DROP TABLE {table}")


def compare_generated(server: PostgresServer, table: str, folder: Path) -> str:
    """``exact`` when the files have the table's rows, and sums over their columns are the server's."""
    sums = "count(*)::bigint, sum(id)::bigint, sum(amount)::bigint, min(name), max(name), min(day), max(day)"
    [expected] = server.execute(f"SELECT {sums} FROM {table}")
    with making.connected() as connection:
        [found] = connection.execute(f"SELECT {sums} FROM {relation(files_of(folder))}").fetchall()
    return EXACT if found == expected else f"{found} instead of {expected}"
