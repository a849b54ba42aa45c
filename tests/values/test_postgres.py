"""Every value of PostgreSQL arrives in RAW as it is, or its row is set aside with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from include.headrace.config import PostgresSource, PostgresTable
from include.headrace.demo.postgres_server import PostgresServer
from tests.support.intake import Intake
from tests.support.postgres import start_postgres
from tests.values.case import placed
from tests.values.loading import Checked, check, load
from tests.values.postgres_cases import CASES, TYPES


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = start_postgres(tmp_path_factory.mktemp("values"))
    yield server
    server.stop()


def test_every_value_arrives_equal_or_is_set_aside(
    intake: Intake,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    page: Callable[[str, Sequence[Checked]], None],
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_VALUES_POSTGRES", postgres.connection_json())
    places = placed(CASES)
    columns = {place.column: place.case.type for place in places}
    defined = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    postgres.execute(
        f"{TYPES}; create table items (id int primary key, {defined});"
        + ";".join(
            f"insert into items (id, {place.column}) values ({place.number}, {place.case.value})"
            for place in places
        )
    )
    table = PostgresTable(name="items", primary_key=("id",))
    source = PostgresSource(name=intake.name, kind="postgres", connection="values_postgres", tables=(table,))
    checked = check(
        load(intake, source, table), CASES, lambda aside: int(aside.position.removeprefix("public.items id="))
    )
    page("postgres", checked)
