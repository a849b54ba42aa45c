"""Readers: one module a kind of source. Each yields Arrow batches in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

from include.headrace import config
from include.headrace.errors import ConfigError
from include.headrace.readers.base import Reader


def reader_for(source: config.Source, table: config.Table, only: Sequence[str] = ()) -> Reader:
    """The reader of one table of a source. A kind's drivers are imported only when it is read.

    ``only`` names the columns that are wanted, if not all are: documents are then read no further than
    their fields. Columns of other sources are left out by the table's `exclude`.

    Raises ConfigError when the source's kind has no reader or the table is of another kind.
    """
    match source, table:
        case config.PostgresSource(), config.PostgresTable():
            from include.headrace.readers.postgres import PostgresReader

            return PostgresReader(source, table)
        case config.MysqlSource(), config.MysqlTable():
            from include.headrace.readers.mysql import MysqlReader

            return MysqlReader(source, table)
        case config.MongoSource(), config.MongoTable():
            from include.headrace.readers.mongo import MongoReader

            return MongoReader(source, table, only)
        case config.RestSource(), config.RestTable():
            from include.headrace.readers.rest import RestReader

            return RestReader(source, table)
        case config.GraphqlSource(), config.GraphqlTable():
            from include.headrace.readers.graphql import GraphqlReader

            return GraphqlReader(source, table)
        case config.CsvSource(), config.CsvTable():
            from include.headrace.readers.csv import CsvReader

            return CsvReader(source, table)
        case config.JsonSource(), config.JsonTable():
            from include.headrace.readers.json import JsonReader

            return JsonReader(source, table)
        case config.ParquetSource(), config.FileTable():
            from include.headrace.readers.parquet import ParquetReader

            return ParquetReader(source, table)
    raise ConfigError(
        f"Table {table.name!r} of {source.name} is a {type(table).__name__}, and no reader takes that "
        f"from a {type(source).__name__}; correct `kind` in the source file."
    )
