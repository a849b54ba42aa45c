from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.headrace.session import Session, query_tag, sessions
from tests.support.intake import Intake
from tests.support.loads import Shop
from tests.support.snowflake import LocalSnowflake, airflow_connection, start_local_snowflake


@pytest.fixture(scope="session")
def snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSnowflake]:
    server = start_local_snowflake(tmp_path_factory.mktemp("snowflake"))
    yield server
    server.stop()


@pytest.fixture
def open_session(snowflake: LocalSnowflake, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Session]:
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_TEST", airflow_connection(snowflake.port))
    return sessions("snowflake_test", query_tag(dag_id="tests"))


@pytest.fixture
def shop(open_session: Callable[[], Session], tmp_path: Path) -> Shop:
    return Shop(open_session, tmp_path)


@pytest.fixture
def intake(open_session: Callable[[], Session], tmp_path: Path) -> Intake:
    return Intake(open_session, tmp_path)
