"""The models of ``include/sources/*.yml``: one file a source system.

The file's name without ``.yml`` is the source's name, its schema in RAW and its DAG's name.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.headrace.settings import SOURCES_DIR

Disposition = Literal["append", "merge", "replace"]
Contract = Literal["evolve", "freeze", "discard"]


class Model(BaseModel):
    """Base of every model here: unknown fields are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Schedule(Model):
    """When a source is loaded: exactly one of ``cron``, ``interval`` and ``assets``."""

    cron: str | None = None
    interval: timedelta | None = None
    assets: tuple[str, ...] = ()
    timezone: str = "UTC"


class Table(Model):
    """What every kind of table has."""

    name: str
    primary_key: tuple[str, ...] = ()
    cursor: str | None = None
    overlap: timedelta = timedelta(0)
    disposition: Disposition = "replace"
    contract: Contract = "evolve"
    exclude: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    limit: int | None = None
    sample: float | None = None
    window: timedelta | None = None


class PostgresTable(Table):
    """A table or view of PostgreSQL."""

    db_schema: str = Field(default="public", alias="schema")


class FileTable(Table):
    """Files of one shape, found by a glob below the source's location and read in name order."""

    path: str


class CsvTable(FileTable):
    """CSV files. A column lands as VARCHAR unless ``columns`` gives it a type."""

    delimiter: str = ","
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)
    columns: dict[str, str] = {}


class Source(Model):
    """What every kind of source has. ``name`` comes from the file's name, not from the file."""

    name: str
    schedule: Schedule | None = None
    tags: tuple[str, ...] = ()
    concurrency: int = 4


class PostgresSource(Source):
    kind: Literal["postgres"]
    connection: str
    tables: tuple[PostgresTable, ...]


class CsvSource(Source):
    kind: Literal["csv"]
    location: str
    connection: str | None = None
    tables: tuple[CsvTable, ...]


class ParquetSource(Source):
    kind: Literal["parquet"]
    location: str
    connection: str | None = None
    tables: tuple[FileTable, ...]


AnySource = Annotated[PostgresSource | CsvSource | ParquetSource, Field(discriminator="kind")]


def source_names() -> list[str]:
    """The names of all sources: the stems of ``include/sources/*.yml``, sorted."""
    return sorted(path.stem for path in SOURCES_DIR.glob("*.yml"))
