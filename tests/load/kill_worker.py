"""Runs one load and dies by SIGKILL just before or just after its COMMIT. Started by test_kill.py."""

from __future__ import annotations

import os
import signal
import sys

from include.headrace.load import Load
from include.headrace.manifest import LoadIds
from include.headrace.session import Session, query_tag, sessions
from tests.support.loads import DATABASE, TASK, orders_table


def main(source: str, load_id: str, attempt_id: str, moment: str) -> None:
    commit = Session.commit

    def die(self: Session, transaction: str) -> None:
        if moment == "after":
            commit(self, transaction)
        os.kill(os.getpid(), signal.SIGKILL)

    Session.commit = die  # type: ignore[method-assign]
    table = orders_table(disposition="append", primary_key=None)
    ids = LoadIds(source, table.name, load_id, attempt_id)
    Load(sessions("snowflake_test", query_tag()), DATABASE, ids, table, TASK).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
