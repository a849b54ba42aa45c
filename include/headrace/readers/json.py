"""JSON files: a document a line, or one list of documents a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pyarrow as pa

from include.headrace.config import JsonSource, JsonTable
from include.headrace.errors import SourceError
from include.headrace.readers.base import Piece, Rejected, Span
from include.headrace.readers.compressed import plain
from include.headrace.readers.csv_records import shown_bytes, utf8_chunks
from include.headrace.readers.documents import DocumentRows
from include.headrace.readers.files import File, find
from include.headrace.readers.json_lines import Documents, lines
from include.headrace.readers.json_list import elements
from include.headrace.readers.narrowing import Block, Narrowing
from include.headrace.readers.values import Faults


class JsonReader:
    """The JSON files of one table."""

    def __init__(self, source: JsonSource, table: JsonTable) -> None:
        self._source = source
        self._table = table

    @contextmanager
    def open(self, span: Span) -> Iterator[JsonExtraction]:
        """See ``Reader.open``. The files are listed here."""
        yield JsonExtraction(
            self._table, span, find(self._source.location, self._table.path, self._source.connection)
        )


class JsonExtraction:
    """The files of one table, listed."""

    def __init__(self, table: JsonTable, span: Span, files: list[File]) -> None:
        self._table = table
        self._files = files
        self._rows = DocumentRows(table)
        self.schema: pa.Schema = self._rows.schema
        self._narrowing = Narrowing(table, span, self.schema)

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is ``file:line``, or ``file record N`` of a list."""
        return self._narrowing.pieces(partial(self._blocks, self._files))

    def streams(self) -> list[Iterator[Piece]]:
        """See ``SplitExtraction.streams``. Each takes a run of the files."""
        sizes = [file.size for file in self._files]
        return self._narrowing.streams(self._blocks, self._files, sizes, self._table.readers)

    def _blocks(self, files: Sequence[File]) -> Iterator[Block]:
        for file in files:
            rows = 0
            with plain(file) as handle:
                chunks = utf8_chunks(handle, self._table.encoding, file.path)
                if self._table.format == "lines":
                    found = lines(chunks, file.path)
                else:
                    found = elements(chunks, self._table.records, file.path)
                for documents in found:
                    yield self._block(file, documents, rows)
                    rows += len(documents.texts)

    def _block(self, file: File, documents: Documents, first: int) -> Block:
        texts, undecoded = self._decoded(documents.texts)
        rows, faults = self._rows.convert(texts)
        faults = {**self._narrowing.without_cursor(rows), **faults, **undecoded}
        is_list = self._table.format == "list"

        def position(row: int) -> str:
            number = documents.numbers[row]
            return f"{file.name} record {number}" if is_list else f"{file.name}:{number}"

        if is_list:
            # Lines end where they end, but a list that holds one broken value may be cut anywhere.
            for row in sorted(faults):
                if row not in undecoded:
                    _check(texts[row], position(row))

        def reject(row: int, reason: str) -> Rejected:
            data = documents.texts[row].encode("utf-8", "surrogateescape")
            return Rejected(position(row), reason, shown_bytes(data, self._table.encoding))

        return Block(file.name, first, rows, faults, reject)

    def _decoded(self, texts: list[str]) -> tuple[list[str], Faults]:
        """The texts, with those that are not of the file's encoding replaced, and which they are."""
        try:
            "\n".join(texts).encode()
        except UnicodeEncodeError:
            bad = [row for row, text in enumerate(texts) if not _is_text(text)]
            reason = f"it holds bytes that are not {self._table.encoding}"
            return [text if _is_text(text) else "null" for text in texts], dict.fromkeys(bad, reason)
        return texts, {}


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check(text: str, position: str) -> None:
    """Raise SourceError for text that is no JSON at all."""
    try:
        json.loads(text, strict=False, object_pairs_hook=len, parse_int=len, parse_float=len)
    except json.JSONDecodeError as error:
        raise SourceError(
            f"{position} is no JSON ({error}), and what follows it in the list cannot be trusted. Have the "
            "file mended, or written as NDJSON, where one broken line spoils no other."
        ) from None
    except RecursionError:
        return
