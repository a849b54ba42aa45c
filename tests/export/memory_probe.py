"""Exports a table in a process of its own and prints its rows and the memory it took, in MB."""

from __future__ import annotations

import sys

from include.headrace.export.place import Place
from include.headrace.export.run import Export
from include.headrace.session import query_tag, sessions
from tests.support.memory import peak_mb


def main(exports: str, table: str) -> None:
    open_session = sessions("snowflake_test", query_tag())
    # The interpreter with all that a task has loaded before it begins.
    open_session().close()
    before = peak_mb()
    export = Export(open_session, Place(exports, "items"), "items", ("SHOP", "MARTS", table), ("ID",), "r")
    rows = export.run()["rows"]
    print(rows, round(peak_mb() - before))


if __name__ == "__main__":
    main(*sys.argv[1:])
