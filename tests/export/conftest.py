from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.headrace.export.place import Place
from include.headrace.export.run import Export
from include.headrace.session import Session, query_tag, sessions
from tests.support.snowflake import LocalSnowflake, start_local_snowflake

DATABASE = "SHOP"
PASSWORD = "hush-hush-4711"


@pytest.fixture(scope="session")
def snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSnowflake]:
    server = start_local_snowflake(tmp_path_factory.mktemp("snowflake"))
    with server.connect() as connection:
        connection.cursor().execute(f"CREATE DATABASE {DATABASE}")
        connection.cursor().execute(f"CREATE SCHEMA {DATABASE}.MARTS")
    yield server
    server.stop()


@dataclass
class Mart:
    """A table of its own in the local Snowflake, and the folder it is exported to."""

    open_session: Callable[[], Session]
    exports: Path
    name: str

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Run a statement; ``{t}`` in it is the table."""
        session = self.open_session()
        try:
            return session.query(statement.format(t=f'{DATABASE}.MARTS."{self.name}"'))
        finally:
            session.close()

    def export(self, *key: str, exports: str | None = None) -> Export:
        """An export of the table, not yet run."""
        place = Place(exports or str(self.exports), "items")
        return Export(self.open_session, place, "items", (DATABASE, "MARTS", self.name), key, "manual__1")

    @property
    def folder(self) -> Path:
        return self.exports / "items"

    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "manifest.json").read_text()))

    def parquet(self) -> list[dict[str, Any]]:
        """The rows of the current Parquet file."""
        return list(pq.read_table(self.folder / self.manifest()["files"]["parquet"]["path"]).to_pylist())

    def csv(self) -> str:
        """The current CSV file."""
        path = self.folder / self.manifest()["files"]["csv"]["path"]
        return path.read_bytes().decode()

    def versions(self) -> set[str]:
        """The folders of versions that are there."""
        return {path.name for path in self.folder.iterdir() if path.is_dir()}


@pytest.fixture
def mart(
    snowflake: LocalSnowflake,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Mart:
    connection = {
        "conn_type": "snowflake",
        "login": "headrace",
        "password": PASSWORD,
        "extra": {"account": "local", "host": "127.0.0.1", "port": snowflake.port, "protocol": "http"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_TEST", json.dumps(connection))
    open_session = sessions("snowflake_test", query_tag(dag_id="tests"))
    return Mart(open_session, tmp_path / "exports", request.node.name.upper()[:200])
