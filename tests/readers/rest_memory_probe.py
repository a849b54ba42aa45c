"""Reads an endpoint whole in a process of its own and prints its rows and the memory it took, in MB.

The argument is the Airflow connection. The memory is the highest resident size less that of the
interpreter with everything imported.
"""

from __future__ import annotations

import sys

from include.headrace.config import RestSource, RestTable
from include.headrace.readers.base import Span
from include.headrace.readers.rest import RestReader
from tests.support.memory import peak_mb


def main(connection: str) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    BaseHook.get_connection(connection)
    table = RestTable(
        name="orders",
        path="/orders",
        records="data",
        primary_key=("id",),
        pagination={"type": "cursor", "next": "next"},
    )
    source = RestSource(name="shop", kind="rest", connection=connection, tables=(table,))
    before = peak_mb()
    with RestReader(source, table).open(Span()) as extraction:
        rows = sum(piece.rows.num_rows for piece in extraction.pieces())
    print(rows, round(peak_mb() - before))


main(*sys.argv[1:])
