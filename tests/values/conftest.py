"""The local Snowflake of the tests of values, and the page that they write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from include.headrace.session import Session, query_tag, sessions
from tests.support.intake import Intake
from tests.support.snowflake import LocalSnowflake, airflow_connection, start_local_snowflake
from tests.values.loading import Checked
from tests.values.page import check_page


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-page", action="store_true", help="write docs/values.md from what was checked")


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
def intake(open_session: Callable[[], Session], tmp_path: Path) -> Intake:
    return Intake(open_session, tmp_path)


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Callable[[str, Sequence[Checked]], None]:
    """Hold a kind's section of docs/values.md against cases that were just checked, or write it."""

    def hold(kind: str, checked: Sequence[Checked]) -> None:
        check_page(kind, checked, write=request.config.getoption("--write-page", default=False))

    return hold
