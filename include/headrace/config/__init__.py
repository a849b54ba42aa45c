"""What a user writes in ``include/sources/*.yml``: the models, and reading them."""

from include.headrace.config.loading import load_source, load_sources, source_names
from include.headrace.config.models import (
    AnySource,
    Contract,
    CsvSource,
    CsvTable,
    Disposition,
    FileTable,
    ParquetSource,
    PostgresSource,
    PostgresTable,
    Schedule,
    Source,
    Table,
)

__all__ = [
    "AnySource",
    "Contract",
    "CsvSource",
    "CsvTable",
    "Disposition",
    "FileTable",
    "ParquetSource",
    "PostgresSource",
    "PostgresTable",
    "Schedule",
    "Source",
    "Table",
    "load_source",
    "load_sources",
    "source_names",
]
