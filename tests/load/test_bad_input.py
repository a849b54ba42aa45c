"""Bad input through the extract task's work, on real servers: what it says, and what it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.headrace.config import (
    AnySource,
    CsvSource,
    CsvTable,
    FileTable,
    ParquetSource,
    PostgresSource,
    PostgresTable,
    Table,
)
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.session import Session
from tests.support.intake import Intake
from tests.support.postgres import start_postgres


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = start_postgres(tmp_path_factory.mktemp("bad-input"))
    yield server
    server.stop()


@pytest.fixture
def connection(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The Airflow connection ``bad_input``, as its fields; ``use`` it after changing them."""
    fields: dict[str, Any] = json.loads(postgres.connection_json())
    monkeypatch.setenv("AIRFLOW_CONN_BAD_INPUT", json.dumps(fields))
    return fields


class Orders(Intake):
    """One source of its own, of any of three kinds, with the table ``orders``."""

    @property
    def files(self) -> Path:
        folder = self.folder / "files"
        folder.mkdir(exist_ok=True)
        return folder

    def postgres(self, name: str = "orders", **fields: Any) -> tuple[AnySource, Table]:
        table = PostgresTable(name=name, **fields)
        return PostgresSource(name=self.name, kind="postgres", connection="bad_input", tables=(table,)), table

    def csv(self, **fields: Any) -> tuple[AnySource, Table]:
        table = CsvTable(name="orders", path="*.csv", **fields)
        return CsvSource(name=self.name, kind="csv", location=str(self.files), tables=(table,)), table

    def parquet(self, **fields: Any) -> tuple[AnySource, Table]:
        table = FileTable(name="orders", path="*.parquet", **fields)
        return ParquetSource(name=self.name, kind="parquet", location=str(self.files), tables=(table,)), table


@pytest.fixture
def intake(open_session: Callable[[], Session], tmp_path: Path) -> Orders:
    return Orders(open_session, tmp_path)


@pytest.fixture
def loaded(intake: Orders, postgres: PostgresServer, connection: dict[str, Any]) -> Orders:
    """RAW has two orders from a load that went well."""
    postgres.execute("DROP TABLE IF EXISTS orders")
    postgres.execute("CREATE TABLE orders (id int PRIMARY KEY, changed timestamptz)")
    postgres.execute("INSERT INTO orders VALUES (1, '2024-05-01'), (2, '2024-05-02')")
    intake.run(*intake.postgres())
    intake.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=1)
    return intake


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "no_such_table"}, "no_such_table"),
        ({"disposition": "append", "cursor": "updated"}, "updated.*id, changed"),
        ({"disposition": "merge", "primary_key": ("order_id",)}, "order_id.*id, changed"),
        ({"schema": "archive"}, "archive"),
    ],
)
def test_what_the_source_does_not_have_is_named(loaded: Orders, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(SourceError, match=rf"(?s){told}"):
        loaded.run(*loaded.postgres(**fields))
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_a_wrong_password_is_permanent_and_not_told(
    loaded: Orders, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BAD_INPUT", json.dumps({**connection, "password": "hunter2-wrong"}))
    with pytest.raises(SourceError, match="bad_input") as error:
        loaded.run(*loaded.postgres())
    assert "hunter2" not in str(error.value)
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_a_server_that_is_down_may_come_back(
    loaded: Orders, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BAD_INPUT", json.dumps({**connection, "port": free_port()}))
    with pytest.raises(PassingError):
        loaded.run(*loaded.postgres())
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_an_empty_table_loads_no_rows_and_its_columns(
    intake: Orders, postgres: PostgresServer, connection: Any
) -> None:
    postgres.execute("DROP TABLE IF EXISTS orders")
    postgres.execute("CREATE TABLE orders (id int PRIMARY KEY, changed timestamptz)")
    row = intake.run(*intake.postgres())
    assert row["rows_extracted"] == 0
    intake.assert_only_the_attempt_is_left(1, [], attempts=1)


@pytest.mark.parametrize("name", ["order", "select", 'we"ird name', "Täble"])
def test_a_table_with_a_reserved_or_quoted_name_loads(
    intake: Orders, postgres: PostgresServer, connection: Any, name: str
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    postgres.execute(f"DROP TABLE IF EXISTS {quoted}")
    postgres.execute(f'CREATE TABLE {quoted} (id int, "group" text, "a""b" text)')
    postgres.execute(f"INSERT INTO {quoted} VALUES (1, 'x', 'y')")
    intake.run(*intake.postgres(name))
    folded = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.upper())
    assert intake.shop.rows('"ID", "GROUP", "A_B"', folded) == [(1, "x", "y")]


def test_a_file_without_a_byte_is_refused_and_named(loaded: Orders) -> None:
    (loaded.files / "2024.csv").write_bytes(b"")
    with pytest.raises(SourceError, match=r"2024\.csv"):
        loaded.run(*loaded.csv())
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_a_truncated_parquet_file_is_refused_and_named(loaded: Orders) -> None:
    for name in ("a.parquet", "b.parquet"):
        pq.write_table(pa.table({"id": list(range(1000))}), loaded.files / name)
    whole = (loaded.files / "b.parquet").read_bytes()
    (loaded.files / "b.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"b\.parquet"):
        loaded.run(*loaded.parquet())
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_a_ragged_csv_row_is_set_aside_with_its_line_and_the_others_load(intake: Orders) -> None:
    (intake.files / "2024.csv").write_text("id,state\n1,new\n2,paid,surplus\n3,sent\n")
    row = intake.run(*intake.csv())
    assert [row[n] for n in ("rows_extracted", "rows_staged", "rows_quarantined")] == [3, 2, 1]
    assert intake.shop.rows('"ID", "STATE"') == [("1", "new"), ("3", "sent")]
    aside = intake.shop.rows('"POSITION", "RECORD"', "ORDERS__QUARANTINE")
    assert len(aside) == 1
    assert aside[0][0].endswith("2024.csv:3")
    assert aside[0][1] == "2,paid,surplus"
