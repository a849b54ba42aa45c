"""A tunnel that is cut in the middle of a load: RAW and LOADS stay as they were."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.headrace.config import PostgresSource, PostgresTable
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.errors import PassingError
from include.headrace.session import Session
from tests.support.intake import Intake
from tests.support.postgres import start_postgres
from tests.support.ssh_server import SshHost

LOCK = 20130101
ROWS_BEFORE = 200_000

STOPS_IN_THE_MIDDLE = f"""
CREATE VIEW orders AS SELECT g AS id, repeat('x', 100) AS note FROM generate_series(1, {ROWS_BEFORE}) g
UNION ALL SELECT 0, pg_advisory_xact_lock_shared({LOCK})::text
"""
"""The last row comes when a lock is free that the test holds."""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = start_postgres(tmp_path_factory.mktemp("tunnel"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    host = SshHost(tmp_path_factory.mktemp("ssh")).start()
    yield host
    host.stop()


def wait_for_the_reader(postgres: PostgresServer) -> None:
    asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"
    until = time.monotonic() + 60
    while not postgres.execute(asked) and time.monotonic() < until:
        time.sleep(0.05)


def test_a_tunnel_cut_in_mid_read_changes_nothing_and_may_pass(
    open_session: Callable[[], Session],
    tmp_path: Path,
    postgres: PostgresServer,
    ssh: SshHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import psycopg

    monkeypatch.setenv("AIRFLOW_CONN_BEHIND", postgres.connection_json())
    monkeypatch.setenv("AIRFLOW_CONN_BASTION", ssh.connection_json())
    intake = Intake(open_session, tmp_path)
    table = PostgresTable(name="orders")
    source = PostgresSource(
        name=intake.name, kind="postgres", connection="behind", tunnel="bastion", tables=(table,)
    )
    postgres.execute("CREATE TABLE orders AS SELECT 1 AS id")
    intake.run(source, table)
    intake.assert_only_the_attempt_is_left(1, [(1,)], attempts=1)
    postgres.execute("DROP TABLE orders")
    postgres.execute(STOPS_IN_THE_MIDDLE)

    def cut() -> None:
        wait_for_the_reader(postgres)
        ssh.cut()

    with psycopg.connect(postgres.dsn) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        cutting = threading.Thread(target=cut)
        cutting.start()
        with pytest.raises(PassingError, match="SSH host of connection 'bastion' was lost"):
            intake.run(source, table)
        cutting.join()
    intake.assert_only_the_attempt_is_left(1, [(1,)], attempts=2)

    intake.run(source, table)
    [(rows,)] = intake.shop.rows("count(*)")
    assert rows == ROWS_BEFORE + 1
