"""CSV files, streamed in blocks of whole records.

A block is first given to Arrow's parser. If anything in it is not as it should be, the block is
read again record by record, so that what is set aside has its exact line, text and reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from include.headrace.config import CsvSource, CsvTable
from include.headrace.errors import SourceError
from include.headrace.readers.base import Piece, Rejected, Span
from include.headrace.readers.compressed import plain
from include.headrace.readers.csv_records import Cut, Grammar, Record, line_count, shown_bytes, utf8_chunks
from include.headrace.readers.files import File, find
from include.headrace.readers.narrowing import Block, Narrowing, check_named
from include.headrace.readers.pieces import convert
from include.headrace.readers.text_types import declared
from include.headrace.readers.values import Conversion, Faults


class CsvReader:
    """The CSV files of one table. All must have the same columns, in any order."""

    def __init__(self, source: CsvSource, table: CsvTable) -> None:
        self._source = source
        self._table = table

    @contextmanager
    def open(self, span: Span) -> Iterator[CsvExtraction]:
        """See ``Reader.open``. The files are listed and their headers read here."""
        yield CsvExtraction(
            self._table, span, find(self._source.location, self._table.path, self._source.connection)
        )


class CsvExtraction:
    """The files of one table, listed and checked."""

    def __init__(self, table: CsvTable, span: Span, files: list[File]) -> None:
        self._table = table
        self._grammar = Grammar(table.delimiter)
        self._headers = {file.path: self._header(file) for file in files}
        self._files = files
        names = self._headers[files[0].path]
        for file in files:
            self._check_header(file, names)
        check_named(table, names, files[0].path)
        for name in table.columns:
            if name not in names:
                raise SourceError(
                    f"{files[0].path} has no column {name!r}; it has {', '.join(names)}. "
                    "Correct `columns` in the source file."
                )
        self._names = [name for name in names if name not in table.exclude]
        made = [declared(name, table.columns.get(name, "VARCHAR")) for name in self._names]
        self.schema = pa.schema([field for field, _ in made])
        self._conversions: list[Conversion] = [conversion for _, conversion in made]
        self._narrowing = Narrowing(table, span, self.schema)

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is ``file:line``, the line the record begins on."""
        return self._narrowing.pieces(partial(self._blocks, self._files))

    def streams(self) -> list[Iterator[Piece]]:
        """See ``SplitExtraction.streams``. Each takes a run of the files."""
        sizes = [file.size for file in self._files]
        return self._narrowing.streams(self._blocks, self._files, sizes, self._table.readers)

    def _header(self, file: File) -> list[str]:
        """The names in a file's first record. Raises SourceError when there is none, or a bad one."""
        with plain(file) as handle:
            first = next(
                self._grammar.blocks(utf8_chunks(handle, self._table.encoding, file.path), file.path), None
            )
        record = self._first_record(first) if first is not None else None
        if record is None:
            raise SourceError(f"{file.path} is empty; a CSV file has at least a line of column names.")
        where = f"The first record of {file.path}"
        if record.fault is not None:
            raise SourceError(f"{where} is no line of column names: {record.fault}.")
        try:
            names = [text.decode() for text, _ in record.fields]
        except UnicodeDecodeError:
            raise SourceError(f"{where} is not {self._table.encoding}; correct `encoding`.") from None
        if "" in names:
            raise SourceError(f"{where} leaves column {names.index('') + 1} without a name; give it one.")
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise SourceError(f"{where} has the column {double!r} twice; rename one.")
        return names

    def _first_record(self, block: Cut) -> Record | None:
        return next(self._grammar.records(block.data, block.line, final=True), None)

    def _check_header(self, file: File, names: list[str]) -> None:
        own = self._headers[file.path]
        if set(own) == set(names):
            return
        said = [
            f"{what} {', '.join(sorted(which))}"
            for what, which in (("it lacks", set(names) - set(own)), ("it adds", set(own) - set(names)))
            if which
        ]
        raise SourceError(
            f"The columns of {file.path} are not those of {self._files[0].path}: {'; '.join(said)}. "
            "Give files of different columns a table each."
        )

    def _blocks(self, files: Sequence[File]) -> Iterator[Block]:
        for file in files:
            rows = 0
            header_seen = False
            with plain(file) as handle:
                chunks = utf8_chunks(handle, self._table.encoding, file.path)
                for block in self._grammar.blocks(chunks, file.path):
                    data = block if header_seen else self._without_header(block)
                    header_seen = True
                    read = self._read(file, data, rows)
                    rows += read.rows.num_rows
                    yield read

    def _without_header(self, block: Cut) -> Cut:
        first = self._first_record(block)
        end = first.end if first is not None else 0
        return Cut(block.data[end:], block.line + line_count(block.data[:end]), block.regular)

    def _read(self, file: File, block: Cut, first: int) -> Block:
        """The rows of a block of whole records. ``first`` is the number of its first row, from 0."""
        texts = self._by_arrow(self._headers[file.path], block.data) if block.regular else None
        if texts is not None:
            rows, faults = convert(texts, self._conversions, self.schema)
            faults = {**self._narrowing.without_cursor(rows), **faults}
            if not faults:
                return Block(file.name, first, rows, faults, _none_rejected)
        return self._by_record(file, block, first)

    def _by_arrow(self, names: list[str], data: bytes) -> list[pa.Array] | None:
        """The columns as text; None when Arrow's parser finds anything wrong."""
        if not data:
            return [pa.array([], pa.string()) for _ in self._names]
        ragged = []
        if not data.endswith((b"\n", b"\r")):
            # Arrow's parser takes an empty last field after a quoted one for quoted itself.
            data += b"\n"

        def skip(row: Any) -> str:
            ragged.append(row.actual_columns)
            return "skip"

        try:
            read = arrow_csv.read_csv(
                pa.BufferReader(data),
                arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
                arrow_csv.ParseOptions(
                    delimiter=self._table.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=len(names) > 1,
                    invalid_row_handler=skip,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=self._names,
                    null_values=list(self._table.null_values),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None
        if ragged:
            return None
        return [pa.concat_arrays(column.chunks or [pa.array([], pa.string())]) for column in read.columns]

    def _by_record(self, file: File, block: Cut, first: int) -> Block:
        """The rows of a block, each record looked at by itself; malformed ones are rows at fault."""
        names = self._headers[file.path]
        records = [
            record
            for record in self._grammar.records(block.data, block.line, final=True)
            if len(names) == 1 or record.fault is not None or record.fields != ((b"", False),)
        ]
        malformed: Faults = {}
        texts: list[list[str | None]] = []
        for row, record in enumerate(records):
            values, fault = self._values(names, record)
            texts.append(values)
            if fault is not None:
                malformed[row] = fault
        columns = [
            pa.array([values[names.index(name)] for values in texts], pa.string()) for name in self._names
        ]
        rows, faults = convert(columns, self._conversions, self.schema)
        faults = {**self._narrowing.without_cursor(rows), **faults, **malformed}

        def reject(row: int, reason: str) -> Rejected:
            record = records[row]
            raw = block.data[record.start : record.end].rstrip(b"\r\n")
            return Rejected(f"{file.name}:{record.line}", reason, shown_bytes(raw, self._table.encoding))

        return Block(file.name, first, rows, faults, reject)

    def _values(self, names: list[str], record: Record) -> tuple[list[str | None], str | None]:
        """A record's values in the file's order, or NULLs and what is wrong with it."""
        fault = record.fault
        if fault is None and len(record.fields) != len(names):
            fault = f"the record has {len(record.fields)} fields, the header has {len(names)}"
        if fault is None:
            try:
                texts = [(text.decode(), quoted) for text, quoted in record.fields]
            except UnicodeDecodeError:
                fault = f"the record is not {self._table.encoding}"
            else:
                nulls = self._table.null_values
                return [text if quoted or text not in nulls else None for text, quoted in texts], None
        return [None] * len(names), fault


def _none_rejected(row: int, reason: str) -> Rejected:
    raise AssertionError(f"row {row} of a block without faults was rejected: {reason}")
