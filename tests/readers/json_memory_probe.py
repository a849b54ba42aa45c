"""Reads JSON files in a process of its own and prints their rows and the memory it took, in MB.

Arguments: the folder, the pattern and the format. See ``memory_probe``.
"""

from __future__ import annotations

import sys

import include.headrace.readers.json  # noqa: F401
from include.headrace.readers.base import Span
from tests.support.json_files import json_reader
from tests.support.memory import peak_mb

folder, pattern, form = sys.argv[1:]
reader = json_reader(folder, pattern, format=form, primary_key=("id",))
before = peak_mb()
with reader.open(Span()) as extraction:
    counts = [(piece.rows.num_rows, len(piece.rejected)) for piece in extraction.pieces()]
print(sum(rows for rows, _ in counts), sum(aside for _, aside in counts), round(peak_mb() - before))
