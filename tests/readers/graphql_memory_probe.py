"""Reads a connection whole in a process of its own and prints its rows and the memory it took, in MB.

The argument is the Airflow connection. The memory is the highest resident size less that of the
interpreter with everything imported.
"""

from __future__ import annotations

import sys

from include.headrace.config import GraphqlSource, GraphqlTable
from include.headrace.readers.base import Span
from include.headrace.readers.graphql import GraphqlReader
from tests.support.memory import peak_mb

QUERY = """
query Orders($first: Int!, $after: String) {
  orders(first: $first, after: $after) { edges { node { id text } } pageInfo { hasNextPage endCursor } }
}
"""


def main(connection: str) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    BaseHook.get_connection(connection)
    table = GraphqlTable(name="orders", query=QUERY, records="orders", primary_key=("id",))
    source = GraphqlSource(name="shop", kind="graphql", connection=connection, tables=(table,))
    before = peak_mb()
    with GraphqlReader(source, table).open(Span()) as extraction:
        rows = sum(piece.rows.num_rows for piece in extraction.pieces())
    print(rows, round(peak_mb() - before))


main(*sys.argv[1:])
