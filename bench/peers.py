"""The peers: each a runner, the environment it runs in, and what it is measured on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from bench.environments import OWN, Environment

OURS = "headrace"
OURS_TWO = "headrace, readers: 2"
ADBC = "ADBC"
CONNECTORX = "connectorx, arrow_stream"
DLT = "dlt"
DRAIN = "raw batches drained, nothing written"
JSON_UTIL = "pymongo, json_util"


@dataclass(frozen=True)
class Peer:
    """One way to extract a table. ``package`` is the one whose version the page shows.

    ``tables`` names the data sets it is measured on, all when empty. ``files`` is False for a peer that
    writes none, ``payload`` the column in which it keeps a document whole, if it does.
    """

    name: str
    module: str
    environment: str
    package: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    files: bool = True
    payload: str | None = None

    @property
    def ours(self) -> bool:
        """True for the project itself."""
        return self.environment == OWN and self.package == ""

    @property
    def version(self) -> str:
        """The version of its package, from its requirements."""
        if not self.package:
            return ""
        if self.environment == OWN:
            return version(self.package)
        return Environment(self.environment).pins()[self.package]


WIDE_ONLY = ("wide",)
"""For peers that no gate looks at and that take long: measured on one table, so that a run stays short."""

HEADRACE = Peer(OURS, "headrace", OWN)
HEADRACE_TWO = Peer(OURS_TWO, "headrace", OWN, options={"readers": 2})

_CONNECTORX = (
    Peer(CONNECTORX, "connector_x", "connectorx", "connectorx", {"return_type": "arrow_stream"}),
    Peer("connectorx, whole", "connector_x", "connectorx", "connectorx", {"return_type": "arrow"}, WIDE_ONLY),
)
_DLT = tuple(
    Peer(f"{DLT}, {backend}", "dlt_pipeline", "dlt", "dlt", {"backend": backend}, tables)
    for backend, tables in (("connectorx", ()), ("pyarrow", WIDE_ONLY), ("sqlalchemy", WIDE_ONLY))
)
_DUCKDB = Peer("DuckDB scanner", "duckdb_scanner", "duckdb", "duckdb")
_SLING = Peer("sling, CSV", "sling_csv", "sling", "sling-linux-amd64", tables=WIDE_ONLY)

POSTGRES = (
    HEADRACE,
    HEADRACE_TWO,
    Peer(ADBC, "adbc", "adbc", "adbc-driver-postgresql"),
    *_CONNECTORX,
    *_DLT,
    _DUCKDB,
    Peer("plain hook, psycopg", "plain_hook", "hook", "psycopg", tables=WIDE_ONLY),
    _SLING,
)

MYSQL = (
    HEADRACE,
    HEADRACE_TWO,
    *_CONNECTORX,
    *_DLT,
    _DUCKDB,
    Peer("plain hook, mysqlclient", "plain_hook", "hook", "mysqlclient", tables=WIDE_ONLY),
    _SLING,
)

HEADRACE_DOCUMENTS = replace(HEADRACE, payload="payload")
HEADRACE_DOCUMENTS_TWO = replace(HEADRACE_TWO, payload="payload")

MONGO = (
    HEADRACE_DOCUMENTS,
    HEADRACE_DOCUMENTS_TWO,
    Peer(DRAIN, "mongo_documents", "pymongo", "pymongo", {"how": "drain"}, files=False),
    Peer(JSON_UTIL, "mongo_documents", "pymongo", "pymongo", {"how": "json_util"}, payload="payload"),
    Peer("pymongoarrow", "mongo_arrow", "pymongoarrow", "pymongoarrow"),
)

_READERS_OF_FILES = (
    Peer("DuckDB", "duckdb_scanner", "duckdb-files", "duckdb"),
    Peer("polars", "polars_files", "polars", "polars"),
)
FILES = (HEADRACE, HEADRACE_TWO, *_READERS_OF_FILES)
DOCUMENT_FILES = (HEADRACE_DOCUMENTS, HEADRACE_DOCUMENTS_TWO, *_READERS_OF_FILES)

RAW = (
    Peer(OURS, "headrace_load", OWN),
    Peer(OURS_TWO, "headrace_load", OWN, options={"readers": 2}),
    *(
        Peer(
            f"{DLT}, {backend}",
            "dlt_pipeline",
            "dlt",
            "dlt",
            {"backend": backend, "dataset": f"bench_{backend}"},
        )
        for backend in ("connectorx", "pyarrow", "sqlalchemy")
    ),
)
