"""The sections of the page: each makes its data, measures its peers over it, and says which gates it met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench import gates, hostile, making, peers, servers
from bench.datasets import NARROW, TABLES, WIDE, Dataset
from bench.documents import FIELDS, Documents
from bench.environments import Environment
from bench.fidelity import compare
from bench.gates import Gate
from bench.measuring import run_all
from bench.peers import Peer
from bench.places import SERVERS, WORK
from bench.results import Table
from bench.side_by_side import SideBySide
from bench.snowflake import local_snowflake
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.names import fold, quote

ROWS = 1_000_000
DOCUMENTS_OF_ROWS = 0.3
"""MongoDB has 300,000 documents where tables have a million rows."""

VALUE_SECONDS = 20
"""How long a peer may take for one row, its imports included: some wait for ever for a thread that died."""

MORE = 10
"""The memory section's second table has so many times the rows."""


@dataclass
class Section:
    """What one section measured. ``values`` says what each peer made of the values that drivers get wrong."""

    name: str
    tables: list[Table] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Size:
    """How much data: rows of a table."""

    rows: int = ROWS

    @property
    def documents(self) -> int:
        """Documents for MongoDB."""
        return max(1, round(self.rows * DOCUMENTS_OF_ROWS))


def postgres(bench: SideBySide, size: Size, home: Path = SERVERS) -> Section:
    """PostgreSQL: the four tables, and the values that drivers get wrong."""
    with servers.postgres(home) as server:
        address = servers.address(server).fields()
        tables = _tables(
            bench, size, peers.POSTGRES, address, lambda d, n: servers.fill_postgres(server, d, n)
        )
        for statement in hostile.statements(hostile.POSTGRES):
            server.execute(statement)
        values = _values(bench, peers.POSTGRES, hostile.POSTGRES, address)
    return Section("postgres", tables, gates.of_postgres(tables), values)


def mysql(bench: SideBySide, size: Size, home: Path = SERVERS) -> Section:
    """MariaDB: the same."""
    with servers.mariadb(home) as server:
        address = servers.address(server).fields()
        tables = _tables(bench, size, peers.MYSQL, address, lambda d, n: servers.fill_mariadb(server, d, n))
        for statement in hostile.statements(hostile.MYSQL):
            server.execute(statement, database=address["database"])
        values = _values(bench, peers.MYSQL, hostile.MYSQL, address)
    return Section("mysql", tables, gates.of_mysql(tables), values)


def mongo(bench: SideBySide, size: Size, home: Path = SERVERS) -> Section:
    """MongoDB: one collection."""
    documents = Documents(size.documents)
    with servers.mongo(home) as server:
        bench.say(f"MongoDB: filling {documents.count:,} documents unless they are there")
        job = {**servers.address(server).fields(), "table": servers.fill_mongo(server, documents)}
        reference = documents.reference()
        tables = [
            bench.measure(
                FIELDS.title,
                peers.MONGO,
                job,
                documents.count,
                partial(_compared, FIELDS, reference),
            )
        ]
    return Section("mongo", tables, gates.of_mongo(tables))


def files(bench: SideBySide, size: Size, home: Path = SERVERS) -> Section:
    """CSV, NDJSON and Parquet: the wide table in four files of each."""
    tables = []
    for kind, title in (("csv", "CSV"), ("json", "NDJSON"), ("parquet", "Parquet")):
        folder = making.file_set(WIDE, size.rows, kind)
        columns = {column.name: column.snowflake for column in WIDE.columns}
        job = {"kind": kind, "table": "items", "path": f"{folder}/*.{kind}", "columns": columns}
        reference = making.reference(WIDE, size.rows)
        tables.append(
            bench.measure(
                f"{title}: {WIDE.title}",
                peers.DOCUMENT_FILES if kind == "json" else peers.FILES,
                job,
                size.rows,
                partial(_compared, WIDE, reference),
            )
        )
    return Section("files", tables, gates.of_files(tables))


def raw(bench: SideBySide, size: Size, home: Path = SERVERS) -> Section:
    """The whole way from PostgreSQL to a table of the local Snowflake, values compared there."""
    reference = making.reference(WIDE, size.rows)
    with servers.postgres(home) as server, local_snowflake(home) as target:
        job = {
            **servers.address(server).fields(),
            "table": servers.fill_postgres(server, WIDE, size.rows),
            "options": {"snowflake": target.option()},
        }

        def landed(peer: Peer) -> str:
            return quote(fold(peer.options.get("dataset", "bench")), fold(job["table"]))

        def check(peer: Peer, folder: Path) -> str:
            target.fetch(landed(peer), making.emptied(folder))
            return compare(WIDE, reference, folder)

        def count(peer: Peer, folder: Path) -> int:
            return target.count(landed(peer))

        tables = [bench.measure(f"{WIDE.title}, to RAW", peers.RAW, job, size.rows, check, count)]
    return Section("raw", tables, gates.of_raw(tables))


def memory(bench: SideBySide, size: Size, home: Path = SERVERS) -> Section:
    """Our own memory, the most of all rounds, over a table and over one of ten times the rows."""
    tables = []
    with servers.postgres(home) as server:
        for rows in (size.rows, size.rows * MORE):
            with servers.generated(server, rows) as table:
                job = {**servers.address(server).fields(), "table": table}
                tables.append(
                    bench.measure(
                        f"{rows:,} rows, {NARROW.title}",
                        [peers.HEADRACE, peers.HEADRACE_TWO],
                        job,
                        rows,
                        partial(_generated, server, table),
                    )
                )
    return Section("memory", tables, gates.of_memory(tables))


def _compared(dataset: Dataset, reference: Path, peer: Peer, folder: Path) -> str:
    return compare(dataset, reference, folder, peer.payload)


def _generated(server: PostgresServer, table: str, peer: Peer, folder: Path) -> str:
    return servers.compare_generated(server, table, folder)


SECTIONS: Mapping[str, Callable[[SideBySide, Size], Section]] = {
    "postgres": postgres,
    "mysql": mysql,
    "mongo": mongo,
    "files": files,
    "raw": raw,
    "memory": memory,
}


def _tables(
    bench: SideBySide,
    size: Size,
    candidates: Sequence[Peer],
    address: Mapping[str, Any],
    fill: Callable[[Dataset, int], str],
) -> list[Table]:
    tables = []
    for dataset in TABLES:
        bench.say(f"{address['kind']}: filling {dataset.title} unless it is there")
        job = {**address, "table": fill(dataset, size.rows)}
        reference = making.reference(dataset, size.rows)
        tables.append(
            bench.measure(
                dataset.title,
                [peer for peer in candidates if not peer.tables or dataset.name in peer.tables],
                job,
                making.row_count(reference),
                partial(_compared, dataset, reference),
            )
        )
    return tables


def _values(
    bench: SideBySide, candidates: Sequence[Peer], traps: Sequence[hostile.Trap], address: Mapping[str, Any]
) -> dict[str, str]:
    """What each peer makes of each trap, in a process for all of them."""
    said: dict[str, str] = {}
    for peer in candidates:
        missing = bench.installed(peer)
        if missing is not None:
            said[peer.name] = missing
            continue
        folders = {trap.name: making.emptied(WORK / f"trap-{number}") for number, trap in enumerate(traps)}
        jobs = [
            {**address, "table": trap.table, "folder": str(folders[trap.name]), "options": peer.options}
            for trap in traps
        ]
        done = run_all(Environment(peer.environment), peer.module, jobs, VALUE_SECONDS)
        said[peer.name] = hostile.summary(
            {
                trap.name: hostile.outcome(trap, one, folders[trap.name])
                for trap, one in zip(traps, done, strict=True)
            }
        )
        bench.say(f"values of {address['kind']}: {peer.name}: {said[peer.name]}")
    making.emptied(WORK)
    return said
