from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime

import pytest

from include.headrace.settings import PROJECT_ROOT
from tests.support.loads import ORDERS, MemoryExtraction, Shop, batch, orders_table

ROWS = [{"id": n, "state": "new", "changed": datetime(2024, 5, 1, 12, n)} for n in range(5)]


@pytest.mark.parametrize(("moment", "committed"), [("before", 0), ("after", 1)])
def test_a_load_killed_at_its_commit_is_right_when_run_again(shop: Shop, moment: str, committed: int) -> None:
    table = orders_table(disposition="append", primary_key=None)
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.load.kill_worker", ids.source, ids.load_id, ids.attempt_id, moment],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(shop.loads()) == committed
    shop.load(ids, table)
    assert shop.rows() == [(n, "new") for n in range(5)]
    assert len(shop.loads()) == 1
