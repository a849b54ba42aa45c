"""Every value of MySQL and MariaDB arrives in RAW as it is, or its row is set aside with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import pytest

from include.headrace.config import MysqlSource, MysqlTable
from include.headrace.demo.mariadb_server import MariadbServer
from tests.support.certificates import make_certificates
from tests.support.intake import Intake
from tests.support.mysql import start_mariadb
from tests.values.case import Placed, placed
from tests.values.loading import Checked, check, load
from tests.values.mysql_cases import CASES

PLACES = placed(CASES)


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    """A server that can encrypt, with the cases in the table ``shop.items``."""
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    server = start_mariadb(
        tmp_path_factory.mktemp("values"),
        f"--ssl-cert={certificates.server}",
        f"--ssl-key={certificates.server_key}",
    )
    columns = {place.column: _definition(place) for place in PLACES}
    # Without the strict mode the server takes dates and members of an ENUM that are none.
    server.execute(
        "set sql_mode = 'ALLOW_INVALID_DATES'; create database shop; use shop; create table items "
        f"(id int primary key, {', '.join(f'{name} {kind}' for name, kind in columns.items())});"
        + ";".join(
            f"insert into items (id, {place.column}) values ({place.number}, "
            f"{'default' if place.case.given else place.case.value})"
            for place in PLACES
        )
    )
    yield server
    server.stop()


# An encrypted connection is read by the driver as text, any other in the binary protocol.
@pytest.mark.parametrize("ssl_mode", ["DISABLED", "REQUIRED"])
def test_every_value_arrives_equal_or_is_set_aside(
    intake: Intake,
    mariadb: MariadbServer,
    monkeypatch: pytest.MonkeyPatch,
    page: Callable[[str, Sequence[Checked]], None],
    ssl_mode: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_VALUES_MYSQL", mariadb.connection_json("shop", {"ssl_mode": ssl_mode}))
    table = MysqlTable(name="items", primary_key=("id",))
    source = MysqlSource(name=intake.name, kind="mysql", connection="values_mysql", tables=(table,))
    checked = check(load(intake, source, table), CASES, lambda aside: int(json.loads(aside.record)["id"]))
    page("mysql", checked)


def _definition(place: Placed) -> str:
    """A column's type, or for a generated one its expression, which is NULL in all rows but its own."""
    return str(place.case.given).format(number=place.number) if place.case.given else place.case.type
