"""The keys of a whole source table, staged beside a load's rows to find what was deleted in the source.

They are read after the rows' snapshot, in one of their own. A row that came in between is among the keys
and not yet in RAW, which changes nothing; one that went in between is among the rows and not among the
keys, so the load brings it and takes it away at once. A row that another load brings after the keys were
read must not be taken for a deleted one: the manifest has the fence's epoch of before the read, and the
apply refuses when another load of the table committed since (``Apply``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from include.headrace.config import AnySource, DocumentTable, Table
from include.headrace.errors import SourceError
from include.headrace.manifest import Manifest, StagedFile
from include.headrace.parts import write_parts
from include.headrace.readers import reader_for
from include.headrace.readers.base import CancellableExtraction, Extraction, Piece, Span, streams_of
from include.headrace.schema import Column, columns_of
from include.headrace.session import Session
from include.headrace.stage import put_file


def key_columns(manifest: Manifest, table: Table) -> list[Column]:
    """The columns of the key, in the order of the manifest."""
    return [column for column in manifest.columns if column.source_name in table.primary_key]


def stage_keys(
    session: Session, source: AnySource, table: Table, manifest: Manifest, *, location: str, folder: Path
) -> Manifest:
    """Read the keys of all rows of the table and put them into the stage; the manifest with them.

    Raises SourceError when a key cannot be read or its type changed since the rows were read: a row whose
    key is not known would be taken for a deleted one.
    """
    columns = key_columns(manifest, table)
    files: list[StagedFile] = []

    def put(path: Path, staged: StagedFile) -> None:
        if staged.kind != "keys":
            raise SourceError(
                f"{staged.rows} rows of {manifest.ids.label} were read whose key cannot be told, so which "
                "rows are deleted is not known; mend them, or remove `compare_keys`."
            )
        put_file(session, path, staged, location=location)
        files.append(staged)

    names = [column.source_name for column in columns]
    with reader_for(source, _of_keys(table, manifest), only=names).open(Span()) as extraction:
        keys = KeysOnly(extraction, names)
        if [(c.name, c.type) for c in columns_of(keys.schema)] != [(c.name, c.type) for c in columns]:
            raise SourceError(
                f"The key of {manifest.ids.label} changed while it was read; clear the extract task."
            )
        write_parts(
            keys,
            folder,
            names=[column.name for column in columns],
            kind="keys",
            path=manifest.ids.path,
            on_file=put,
        )
    return replace(manifest, files=(*manifest.files, *files), keys=sum(file.rows for file in files))


def _of_keys(table: Table, manifest: Manifest) -> Table:
    """The table as its source file would have it with no column but the key."""
    if isinstance(table, DocumentTable):
        columns = {name: one for name, one in table.columns.items() if name in table.primary_key}
        return table.model_copy(update={"cursor": None, "columns": columns})
    others = [c.source_name for c in manifest.columns if c.source_name not in table.primary_key]
    return table.model_copy(update={"cursor": None, "exclude": (*table.exclude, *others)})


class KeysOnly:
    """An extraction with some of its columns."""

    def __init__(self, extraction: Extraction, names: Sequence[str]) -> None:
        self._extraction = extraction
        self._names = list(names)
        self.schema = pa.schema([extraction.schema.field(name) for name in names])

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``."""
        for stream in self.streams():
            yield from stream

    def streams(self) -> Sequence[Iterator[Piece]]:
        """See ``SplitExtraction.streams``."""
        return [self._narrowed(stream) for stream in streams_of(self._extraction)]

    def cancel(self) -> None:
        """See ``CancellableExtraction.cancel``."""
        if isinstance(self._extraction, CancellableExtraction):
            self._extraction.cancel()

    def _narrowed(self, stream: Iterator[Piece]) -> Iterator[Piece]:
        for piece in stream:
            yield replace(piece, rows=piece.rows.select(self._names))
