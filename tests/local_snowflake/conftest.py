from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error, ProgrammingError

from tests.support.snowflake import LocalSnowflake, start_local_snowflake

DETACHED_SECONDS = 1.0
"""How long a dead client's transaction lives in these tests."""


class Client:
    """A connection of a test, with the few words the tests use."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self.connection = connection

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        cursor = self.connection.cursor()
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())

    def value(self, statement: str, *values: Any) -> Any:
        """The one value of a statement."""
        found = self.rows(statement, *values)
        assert len(found) == 1, found
        assert len(found[0]) == 1, found
        return found[0][0]

    def dicts(self, statement: str) -> list[dict[str, Any]]:
        """The rows of a statement, as dicts."""
        cursor = self.connection.cursor()
        cursor.execute(statement)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def count(self, statement: str, *values: Any) -> int:
        """How many rows a statement changed."""
        cursor = self.connection.cursor()
        cursor.execute(statement, values or None)
        return int(cursor.rowcount or 0)

    def run(self, *statements: str) -> None:
        """Run statements one after another."""
        for statement in statements:
            self.connection.cursor().execute(statement)

    def error(self, statement: str) -> Error:
        """The SQL error that a statement raises."""
        with pytest.raises(ProgrammingError) as caught:
            self.rows(statement)
        return caught.value

    def refused(self, statement: str) -> str:
        """The message of a refusal by the emulator."""
        error = self.error(statement)
        assert error.errno == 2, error
        assert "local Snowflake (emulated) does not" in str(error)
        return str(error)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSnowflake]:
    running = start_local_snowflake(
        tmp_path_factory.mktemp("local_snowflake"), "--detached-seconds", str(DETACHED_SECONDS)
    )
    yield running
    running.stop()


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def keeper(server: LocalSnowflake) -> Iterator[Client]:
    """Makes the tests' schemas: one sign-in for all of them."""
    connection = server.connect()
    maker = Client(connection)
    maker.run("create database TESTS")
    yield maker
    connection.close()


@pytest.fixture
def schema(keeper: Client) -> str:
    """A new schema of its own for one test."""
    name = f"T{next(_numbers)}"
    keeper.run(f"create schema TESTS.{name}")
    return name


@pytest.fixture
def connect(server: LocalSnowflake, schema: str) -> Iterator[Callable[..., Client]]:
    """Opens clients in the test's schema; all are closed at its end."""
    opened: list[SnowflakeConnection] = []

    def open_client(**settings: Any) -> Client:
        parameters = {"LOCK_TIMEOUT": 10, **settings.pop("parameters", {})}
        connection = server.connect(
            database="TESTS", schema=schema, session_parameters=parameters, **settings
        )
        opened.append(connection)
        return Client(connection)

    yield open_client
    for connection in opened:
        connection.close()


@pytest.fixture
def client(connect: Callable[..., Client]) -> Client:
    return connect()
