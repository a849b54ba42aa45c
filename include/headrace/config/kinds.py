"""Every kind of source that a file can be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from include.headrace.config.apis import GraphqlSource, RestSource
from include.headrace.config.databases import MysqlSource, PostgresSource
from include.headrace.config.documents import MongoSource
from include.headrace.config.files import CsvSource, JsonSource, ParquetSource

AnySource = Annotated[
    PostgresSource
    | MysqlSource
    | MongoSource
    | RestSource
    | GraphqlSource
    | CsvSource
    | JsonSource
    | ParquetSource,
    Field(discriminator="kind"),
]

KINDS: dict[str, type[AnySource]] = {
    "csv": CsvSource,
    "graphql": GraphqlSource,
    "json": JsonSource,
    "mongo": MongoSource,
    "mysql": MysqlSource,
    "parquet": ParquetSource,
    "postgres": PostgresSource,
    "rest": RestSource,
}
