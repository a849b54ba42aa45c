"""Runs one export and dies by SIGKILL at a given moment. Started by test_atomic.py."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from include.headrace.export import run
from include.headrace.export.files import Writers
from include.headrace.export.place import Place
from include.headrace.session import query_tag, sessions


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(exports: str, table: str, moment: str) -> None:
    if moment == "in the files":
        group = Writers._group

        def part(self: Writers, rows: Any) -> None:
            group(self, rows.slice(0, 1))
            die()

        Writers._group = part  # type: ignore[method-assign]
    elif moment == "before the manifest":
        Place.publish = die  # type: ignore[method-assign, assignment]
    else:
        Place.prune = die  # type: ignore[method-assign, assignment]
    open_session = sessions("snowflake_test", query_tag())
    run.Export(
        open_session, Place(exports, "items"), "items", ("SHOP", "MARTS", table), ("ID",), "manual__2"
    ).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
