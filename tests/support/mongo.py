"""A MongoDB server for tests, and readers of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from include.headrace.config import MongoSource, MongoTable
from include.headrace.demo.mongo_server import MongoServer
from include.headrace.readers import reader_for
from include.headrace.readers.base import Reader, Span
from tests.support.reading import Read, read


def start_mongo(tmp_path: Path, *options: str, **client_options: Any) -> MongoServer:
    """Start a server with its data below ``tmp_path``. The caller stops it."""
    return MongoServer(tmp_path / "mongo", options, client_options).start()


def mongo_reader(connection: str, name: str = "items", **fields: Any) -> Reader:
    """The reader of a collection. A cursor needs a disposition that reads parts of a table."""
    tunnel = fields.pop("tunnel", None)
    table = MongoTable(name=name, **({"disposition": "append", **fields} if "cursor" in fields else fields))
    source = MongoSource(name="shop", kind="mongo", connection=connection, tunnel=tunnel, tables=(table,))
    return reader_for(source, table)


def read_mongo(span: Span | None = None, **fields: Any) -> Read:
    """All that one read of ``items`` gives, through Airflow's connection ``shop_mongo``."""
    return read(mongo_reader("shop_mongo", **fields), span)
