"""Sources that are databases of tables: PostgreSQL, and MySQL or MariaDB."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from include.headrace.config.models import ConnectionId, Readers, Source, Table, Text

TUNNEL = (
    "The id of an Airflow connection of type ssh: the database is reached through that host. The address "
    "in `connection` is then the one that the SSH host sees."
)


class PostgresTable(Table):
    """A table or view of PostgreSQL."""

    comparable: ClassVar[bool] = True
    db_schema: Text = Field(
        default="public", alias="schema", description="The schema in PostgreSQL that holds the table."
    )
    readers: Readers = 1


class MysqlTable(Table):
    """A table or view of MySQL or MariaDB."""

    comparable: ClassVar[bool] = True
    database: Text | None = Field(
        default=None,
        description="The database that holds the table. Without it, the one that the connection names.",
    )
    readers: Readers = 1


class DatabaseSource(Source):
    """A database that is reached by a connection, straight or through an SSH host."""

    connection: ConnectionId = Field(
        description="The id of the Airflow connection that holds address and login."
    )
    tunnel: ConnectionId | None = Field(default=None, description=TUNNEL)


class PostgresSource(DatabaseSource):
    """A PostgreSQL database."""

    kind: Literal["postgres"] = Field(description="The kind of the source system.")
    tables: tuple[PostgresTable, ...] = Field(
        json_schema_extra={"minItems": 1}, description="The tables to load."
    )


class MysqlSource(DatabaseSource):
    """A MySQL or MariaDB server."""

    kind: Literal["mysql"] = Field(description="The kind of the source system.")
    tables: tuple[MysqlTable, ...] = Field(
        json_schema_extra={"minItems": 1}, description="The tables to load."
    )
