"""Reading a table whole through its reader, as a load would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from include.headrace.config import (
    CsvSource,
    CsvTable,
    FileTable,
    MysqlSource,
    MysqlTable,
    ParquetSource,
    PostgresSource,
    PostgresTable,
)
from include.headrace.readers import reader_for
from include.headrace.readers.base import TYPE_KEY, Reader, Rejected, Span


@dataclass(frozen=True)
class Read:
    """All that one read gave."""

    table: pa.Table
    rejected: list[Rejected]
    discarded: int

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.table.to_pylist())

    @property
    def extracted(self) -> int:
        return self.table.num_rows + len(self.rejected) + self.discarded

    def landing(self, column: str) -> str | None:
        """The Snowflake type that a column's field asks for, if it asks for one."""
        text = (self.table.schema.field(column).metadata or {}).get(TYPE_KEY)
        return text.decode() if text else None


def read(reader: Reader, span: Span | None = None) -> Read:
    """Open the reader and read it to its end."""
    with reader.open(span or Span()) as extraction:
        pieces = list(extraction.pieces())
        for piece in pieces:
            assert piece.rows.schema.equals(extraction.schema, check_metadata=True)
        return Read(
            table=pa.Table.from_batches([piece.rows for piece in pieces], extraction.schema),
            rejected=[one for piece in pieces for one in piece.rejected],
            discarded=sum(piece.discarded for piece in pieces),
        )


def _with_disposition(fields: dict[str, Any]) -> dict[str, Any]:
    """A cursor needs a disposition that reads parts of a table; the readers themselves do not care which."""
    return {"disposition": "append", **fields} if "cursor" in fields else fields


def postgres_reader(connection: str, name: str, **fields: Any) -> Reader:
    table = PostgresTable(name=name, **_with_disposition(fields))
    source = PostgresSource(name="shop", kind="postgres", connection=connection, tables=(table,))
    return reader_for(source, table)


def mysql_reader(connection: str, name: str, tunnel: str | None = None, **fields: Any) -> Reader:
    table = MysqlTable(name=name, **_with_disposition(fields))
    source = MysqlSource(name="shop", kind="mysql", connection=connection, tunnel=tunnel, tables=(table,))
    return reader_for(source, table)


def csv_reader(location: str, path: str = "*.csv", **fields: Any) -> Reader:
    table = CsvTable(name="items", path=path, **_with_disposition(fields))
    return reader_for(CsvSource(name="shop", kind="csv", location=location, tables=(table,)), table)


def parquet_reader(location: str, path: str = "*.parquet", **fields: Any) -> Reader:
    table = FileTable(name="items", path=path, **_with_disposition(fields))
    return reader_for(ParquetSource(name="shop", kind="parquet", location=location, tables=(table,)), table)
