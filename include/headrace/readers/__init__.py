"""Readers: one module a kind of source. Each yields Arrow batches in bounded memory."""

from __future__ import annotations

from include.headrace.config import (
    CsvSource,
    CsvTable,
    FileTable,
    ParquetSource,
    PostgresSource,
    PostgresTable,
    Source,
    Table,
)
from include.headrace.errors import ConfigError
from include.headrace.readers.base import Reader


def reader_for(source: Source, table: Table) -> Reader:
    """The reader of one table of a source. A kind's drivers are imported only when it is read.

    Raises ConfigError when the source's kind has no reader or the table is of another kind.
    """
    if isinstance(source, PostgresSource) and isinstance(table, PostgresTable):
        from include.headrace.readers.postgres import PostgresReader

        return PostgresReader(source, table)
    if isinstance(source, CsvSource) and isinstance(table, CsvTable):
        from include.headrace.readers.csv import CsvReader

        return CsvReader(source, table)
    if isinstance(source, ParquetSource) and isinstance(table, FileTable):
        from include.headrace.readers.parquet import ParquetReader

        return ParquetReader(source, table)
    raise ConfigError(
        f"Table {table.name!r} of {source.name} is a {type(table).__name__}, and no reader takes that "
        f"from a {type(source).__name__}; correct `kind` in the source file."
    )
