"""Parquet files, streamed page by page within their row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq

from include.headrace.config import FileTable, ParquetSource
from include.headrace.errors import SourceError
from include.headrace.readers import parquet_int96
from include.headrace.readers.base import TARGET_BATCH_BYTES, Piece, Rejected, Span
from include.headrace.readers.files import File, find
from include.headrace.readers.narrowing import Block, Narrowing, check_named
from include.headrace.readers.parquet_schema import conversion, target, unify
from include.headrace.readers.pieces import convert, record_text

PAGE_BUFFER_BYTES = 256 * 1024
"""How much of each column of a row group is held at once, instead of all of it."""

MAX_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class RowGroup:
    """A row group: its number in its file, the number of its first row there, and its size; all from 0."""

    file: File
    number: int
    first: int
    bytes: int


class ParquetReader:
    """The Parquet files of one table."""

    def __init__(self, source: ParquetSource, table: FileTable) -> None:
        self._source = source
        self._table = table

    @contextmanager
    def open(self, span: Span) -> Iterator[ParquetExtraction]:
        """See ``Reader.open``. The files are listed here, and the footer of each is read and checked."""
        yield ParquetExtraction(
            self._table, span, find(self._source.location, self._table.path, self._source.connection)
        )


class ParquetExtraction:
    """The files of one table, listed and checked."""

    def __init__(self, table: FileTable, span: Span, files: list[File]) -> None:
        self._table = table
        self._groups: list[RowGroup] = []
        schemas: list[tuple[str, pa.Schema]] = []
        for file in files:
            schema, groups = _checked_footer(file)
            schemas.append((file.path, schema))
            self._groups += groups
        joined = unify(schemas, table.exclude)
        check_named(table, list(joined), files[0].path)
        self.schema = pa.schema(
            [target(name, kind) for name, kind in joined.items() if name not in table.exclude]
        )
        self._narrowing = Narrowing(table, span, self.schema)

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is the file and the row's number in it, from 1."""
        return self._narrowing.pieces(partial(self._blocks, self._groups))

    def streams(self) -> list[Iterator[Piece]]:
        """See ``SplitExtraction.streams``. Each takes a run of the files' row groups."""
        sizes = [group.bytes for group in self._groups]
        return self._narrowing.streams(self._blocks, self._groups, sizes, self._table.readers)

    def _blocks(self, groups: Sequence[RowGroup]) -> Iterator[Block]:
        for file, run in groupby(groups, lambda group: group.file):
            of_file = list(run)
            rows = of_file[0].first
            for batch in self._batches(file, [group.number for group in of_file]):
                block = self._block(file, batch, rows)
                rows += batch.num_rows
                yield block

    def _batches(self, file: File, groups: list[int]) -> Iterator[pa.RecordBatch]:
        with file.open() as handle:
            try:
                parquet = _parquet(handle)
                wanted = [name for name in parquet.schema_arrow.names if name in self.schema.names]
                read = partial(
                    pq.ParquetFile.iter_batches,
                    batch_size=_batch_rows(parquet.metadata),
                    row_groups=groups,
                    use_threads=False,
                )
                doubtful = parquet_int96.columns_of(parquet, wanted)
                if not doubtful:
                    yield from read(parquet, columns=wanted)
                    return
                with file.open() as second:
                    again = read(_parquet(second, parquet_int96.UNIT), columns=doubtful)
                    for batch in read(parquet, columns=wanted):
                        yield parquet_int96.told(batch, next(again), file.path)
            except (pa.ArrowException, OSError, EOFError) as error:
                raise _damaged(file, error, "is damaged") from None

    def _block(self, file: File, batch: pa.RecordBatch, first: int) -> Block:
        columns, conversions = [], []
        for field in self.schema:
            if field.name in batch.schema.names:
                columns.append(batch.column(field.name))
                conversions.append(conversion(field, columns[-1].type))
            else:
                columns.append(pa.nulls(batch.num_rows, field.type))
                conversions.append(conversion(field, field.type))
        rows, faults = convert(columns, conversions, self.schema)
        faults = {**self._narrowing.without_cursor(rows), **faults}

        def reject(row: int, reason: str) -> Rejected:
            record = record_text(batch.schema.names, batch.columns, row)
            return Rejected(f"{file.name} row {first + row + 1}", reason, record)

        return Block(file.name, first, rows, faults, reject)


def _parquet(handle: object, int96_unit: str | None = None) -> pq.ParquetFile:
    return pq.ParquetFile(
        handle,
        buffer_size=PAGE_BUFFER_BYTES,
        pre_buffer=False,
        page_checksum_verification=True,
        coerce_int96_timestamp_unit=int96_unit,
    )


def _checked_footer(file: File) -> tuple[pa.Schema, list[RowGroup]]:
    """A file's schema and row groups, from its footer. Raises SourceError for a file that is not whole."""
    if file.size == 0:
        raise SourceError(f"{file.path} is empty; a Parquet file has a footer even without rows.")
    with file.open() as handle:
        try:
            parquet = _parquet(handle)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _damaged(file, error, "is no whole Parquet file") from None
        groups, first = [], 0
        for number in range(parquet.num_row_groups):
            group = parquet.metadata.row_group(number)
            groups.append(RowGroup(file, number, first, group.total_byte_size))
            first += group.num_rows
        return parquet.schema_arrow, groups


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """How many rows make about a quarter of a piece, by the size of the row groups without compression."""
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    row = max(1, size // max(1, metadata.num_rows))
    return max(1, min(MAX_BATCH_ROWS, TARGET_BATCH_BYTES // 4 // row))


def _damaged(file: File, error: Exception, what: str) -> Exception:
    """An error of Arrow's reader as a SourceError; one of the file system under it as it is.

    Arrow raises OSError for damage as well, but only the operating system's have a number.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error
    said = " ".join(str(error).split())
    return SourceError(f"{file.path} {what}: {said}. Write the file again, or take it away.")
