"""A mart of any size is exported in bounded memory: 300 MB above the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

from include.headrace.settings import PROJECT_ROOT
from tests.export.conftest import Mart

LIMIT_MB = 300
ROWS = 500_000


def test_half_a_million_wide_rows_are_exported_in_bounded_memory(mart: Mart) -> None:
    # 350 MB as they come: a result that is held whole passes the limit.
    mart.sql(
        "CREATE TABLE {t} AS SELECT SEQ4() AS ID, REPEAT('x', 700) AS T"
        f" FROM TABLE(GENERATOR(ROWCOUNT => {ROWS}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.export.memory_probe", str(mart.exports), mart.name],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    mart.sql("DROP TABLE {t}")
    rows, memory = (int(part) for part in done.stdout.split()[-2:])
    assert rows == ROWS
    assert memory < LIMIT_MB
