"""The local Snowflake (emulated) as an account: signing in, and what its administrator makes once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.headrace import settings
from include.headrace.demo.environment import WAREHOUSE, snowflake_connection
from include.headrace.demo.server_process import HOST
from include.headrace.names import quote
from include.headrace.transform.profile import dbt_environment

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

WAIT_SECONDS = 60


@contextmanager
def connect(login: dict[str, Any]) -> Iterator[SnowflakeConnection]:
    """A session of the local Snowflake for the block; ``login`` is what run.json says of it."""
    connection = open_connection(login)
    try:
        yield connection
    finally:
        connection.close()


def open_connection(login: dict[str, Any], **options: Any) -> SnowflakeConnection:
    """A session of the local Snowflake. ``options`` are the connector's own."""
    import snowflake.connector

    # A proxy of the environment is for other machines.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HOST
    return snowflake.connector.connect(
        account="local",
        host=HOST,
        port=login["port"],
        protocol="http",
        user=login["user"],
        password=login["password"],
        role="ACCOUNTADMIN",
        warehouse=WAREHOUSE,
        login_timeout=WAIT_SECONDS,
        network_timeout=WAIT_SECONDS * 10,
        session_parameters={"TIMEZONE": "UTC"},
        **options,
    )


def dbt_login(login: dict[str, Any]) -> dict[str, str]:
    """The variables that dbt's profile reads to sign in as ``login``."""
    from airflow.sdk import Connection

    text = snowflake_connection(login["port"], login["password"])
    connection = Connection.from_json(text, conn_id=settings.SNOWFLAKE_CONN_ID)
    return dbt_environment(connection)


def prepare_account(login: dict[str, Any]) -> None:
    """Make the databases and the warehouse that loads and dbt expect to find, where they are missing."""
    with connect(login) as connection, connection.cursor() as cursor:
        for database in (settings.raw_database(), settings.analytics_database()):
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {quote(database)}")
        cursor.execute(f"CREATE WAREHOUSE IF NOT EXISTS {quote(WAREHOUSE)}")
