"""What a user writes in ``include/sources/*.yml``: the models, and reading them."""

from include.headrace.config.apis import (
    ApiSource,
    ApiTable,
    GraphqlSource,
    GraphqlTable,
    RestSource,
    RestTable,
)
from include.headrace.config.databases import MysqlSource, MysqlTable, PostgresSource, PostgresTable
from include.headrace.config.documents import DocumentColumn, DocumentTable, MongoSource, MongoTable
from include.headrace.config.files import (
    CsvSource,
    CsvTable,
    FileSource,
    FileTable,
    JsonSource,
    JsonTable,
    ParquetSource,
)
from include.headrace.config.kinds import AnySource
from include.headrace.config.loading import load_source, load_sources, source_names
from include.headrace.config.models import Contract, Deletes, Disposition, Schedule, Source, Table

__all__ = [
    "AnySource",
    "ApiSource",
    "ApiTable",
    "Contract",
    "CsvSource",
    "CsvTable",
    "Deletes",
    "Disposition",
    "DocumentColumn",
    "DocumentTable",
    "FileSource",
    "FileTable",
    "GraphqlSource",
    "GraphqlTable",
    "JsonSource",
    "JsonTable",
    "MongoSource",
    "MongoTable",
    "MysqlSource",
    "MysqlTable",
    "ParquetSource",
    "PostgresSource",
    "PostgresTable",
    "RestSource",
    "RestTable",
    "Schedule",
    "Source",
    "Table",
    "load_source",
    "load_sources",
    "source_names",
]
