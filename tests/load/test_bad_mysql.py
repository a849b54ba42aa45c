"""Bad input from MySQL through extract and load: what it says, and RAW and LOADS as they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.headrace.config import AnySource, MysqlSource, MysqlTable, Table
from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.session import Session
from tests.support.intake import Intake
from tests.support.mysql import start_mariadb


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    server = start_mariadb(tmp_path_factory.mktemp("bad-mysql"))
    yield server
    server.stop()


@pytest.fixture
def connect(mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the Airflow connection ``bad_mysql``: the server's own, with some fields changed."""

    def change(**fields: Any) -> None:
        connection = {**json.loads(mariadb.connection_json("shop")), **fields}
        monkeypatch.setenv("AIRFLOW_CONN_BAD_MYSQL", json.dumps(connection))

    change()
    return change


class Orders(Intake):
    """One source of its own with the table ``orders``."""

    def mysql(self, name: str = "orders", **fields: Any) -> tuple[AnySource, Table]:
        table = MysqlTable(name=name, **fields)
        return MysqlSource(name=self.name, kind="mysql", connection="bad_mysql", tables=(table,)), table


@pytest.fixture
def intake(open_session: Callable[[], Session], tmp_path: Path) -> Orders:
    return Orders(open_session, tmp_path)


@pytest.fixture
def sql(mariadb: MariadbServer) -> Callable[[str], Any]:
    """Run SQL in the database ``shop``, which each test begins with empty."""
    mariadb.execute("drop database if exists shop; create database shop")
    return lambda statement: mariadb.execute(f"set sql_mode = ''; {statement}", database="shop")


@pytest.fixture
def loaded(intake: Orders, sql: Callable[[str], Any], connect: Callable[..., None]) -> Orders:
    """RAW has two orders from a load that went well."""
    sql("create table orders (id int primary key, changed datetime)")
    sql("insert into orders values (1, '2024-05-01'), (2, '2024-05-02')")
    intake.run(*intake.mysql())
    intake.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=1)
    return intake


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "no_such_table"}, "no_such_table.*orders"),
        ({"database": "nowhere"}, "nowhere"),
        ({"disposition": "append", "cursor": "updated"}, "updated.*id, changed"),
        ({"disposition": "merge", "primary_key": ("order_id",)}, "order_id.*id, changed"),
    ],
)
def test_what_the_source_does_not_have_is_named(loaded: Orders, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(SourceError, match=rf"(?s){told}"):
        loaded.run(*loaded.mysql(**fields))
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_a_wrong_password_is_permanent_and_not_told(loaded: Orders, connect: Callable[..., None]) -> None:
    connect(password="hunter2-wrong")
    with pytest.raises(SourceError, match="bad_mysql") as error:
        loaded.run(*loaded.mysql())
    assert "hunter2" not in str(error.value)
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_a_server_that_is_down_may_come_back(loaded: Orders, connect: Callable[..., None]) -> None:
    connect(port=free_port())
    with pytest.raises(PassingError):
        loaded.run(*loaded.mysql())
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_a_connection_dropped_in_mid_read_leaves_raw_as_it_was(
    loaded: Orders, sql: Callable[[str], Any], mariadb: MariadbServer
) -> None:
    # The server ends its own session halfway through the rows, as an operator's KILL would.
    sql("""
        drop table orders;
        create function cut(n int) returns int not deterministic reads sql data begin
            if n = 20000 then kill connection_id(); end if;
            return n;
        end
    """)
    sql("create view orders as select cut(seq) as id, repeat('x', 500) as t from seq_1_to_40000")
    with pytest.raises(PassingError, match="broke off"):
        loaded.run(*loaded.mysql())
    loaded.assert_only_the_attempt_is_left(1, [(1,), (2,)], attempts=2)


def test_an_empty_table_loads_no_rows_and_its_columns(
    intake: Orders, sql: Callable[[str], Any], connect: Any
) -> None:
    sql("create table orders (id int primary key, changed datetime)")
    row = intake.run(*intake.mysql())
    assert row["rows_extracted"] == 0
    intake.assert_only_the_attempt_is_left(1, [], attempts=1)


def test_rows_of_hostile_values_load_or_are_set_aside(
    intake: Orders, sql: Callable[[str], Any], connect: Any
) -> None:
    sql("""
        create table orders (id int primary key, day date, wide decimal(65, 30), large bigint unsigned,
            flag tinyint(1), span time, doc json, raw blob, note varchar(20) character set latin1);
        insert into orders values
            (1, '2024-05-01', 1.5, 18446744073709551615, 2, '-838:59:59', '{"a": [1, null]}', x'00ff', 'é'),
            (2, '0000-00-00', null, null, null, null, null, null, null),
            (3, '2024-00-15', null, null, null, null, null, null, null),
            (4, null, null, null, null, null, '{"a": 1, "a": 2}', null, null)
    """)
    row = intake.run(*intake.mysql(primary_key=("id",)))
    assert [row[n] for n in ("rows_extracted", "rows_staged", "rows_quarantined")] == [4, 1, 3]
    columns = '"ID", "DAY"::VARCHAR, "WIDE", "LARGE", "FLAG", "SPAN", "DOC":a[0]::INT, "RAW", "NOTE"'
    wide = "1.5" + "0" * 29
    loaded = [(1, "2024-05-01", wide, 18446744073709551615, 2, "-838:59:59", 1, b"\x00\xff", "é")]
    assert intake.shop.rows(columns) == loaded
    aside = intake.shop.rows('"POSITION", "REASON"', "ORDERS__QUARANTINE")
    assert [position for position, _ in aside] == [f"shop.orders id={n}" for n in (2, 3, 4)]
    for (_, reason), told in zip(aside, ("'0000-00-00'", "'2024-00-15'", "occurs twice"), strict=True):
        assert told in reason


@pytest.mark.parametrize("name", ["order", "we`ird name", "Täble"])
def test_a_table_with_a_reserved_or_quoted_name_loads(
    intake: Orders, sql: Callable[[str], Any], connect: Any, name: str
) -> None:
    quoted = "`" + name.replace("`", "``") + "`"
    sql(f"create table {quoted} (id int, `group` text, `a``b` text)")
    sql(f"insert into {quoted} values (1, 'x', 'y')")
    intake.run(*intake.mysql(name))
    folded = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.upper())
    assert intake.shop.rows('"ID", "GROUP", "A_B"', folded) == [(1, "x", "y")]
