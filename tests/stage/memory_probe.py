"""Writes streams of large batches in a process of its own and prints the rows and the memory it took, in MB.

Arguments: the number of streams and of batches in each. The memory is the highest resident size less that
of the interpreter with everything imported.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from include.headrace.parts import write_parts
from include.headrace.readers.base import TARGET_BATCH_BYTES, Piece
from tests.support.memory import peak_mb

WIDTH = 1000
SCHEMA = pa.schema([("t", pa.binary(WIDTH))])


class Streams:
    """Batches of bytes that do not compress, made as fast as they are taken."""

    schema = SCHEMA

    def __init__(self, streams: int, batches: int) -> None:
        self._streams = streams
        self._batches = batches

    def pieces(self) -> Iterator[Piece]:
        for stream in self.streams():
            yield from stream

    def streams(self) -> Sequence[Iterator[Piece]]:
        return [self._stream() for _ in range(self._streams)]

    def _stream(self) -> Iterator[Piece]:
        rows = TARGET_BATCH_BYTES // WIDTH
        block = os.urandom(rows * WIDTH)
        for _ in range(self._batches):
            # A copy, which is made several times as fast as it is written.
            data = pa.py_buffer(bytearray(block))
            column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(WIDTH), rows, [None, data])
            yield Piece(pa.record_batch([column], SCHEMA))


def main(streams: int, batches: int) -> None:
    before = peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        written = write_parts(
            Streams(streams, batches), Path(folder), on_file=lambda path, staged: path.unlink()
        )
    print(written.extracted, round(peak_mb() - before))


main(*map(int, sys.argv[1:]))
