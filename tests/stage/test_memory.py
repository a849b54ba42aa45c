"""What is read and not yet written stays within 300 MB above the interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.headrace.readers.base import TARGET_BATCH_BYTES
from include.headrace.settings import PROJECT_ROOT

LIMIT_MB = 300


@pytest.mark.parametrize(("streams", "batches"), [(1, 36), (2, 18)])
def test_large_batches_are_written_in_bounded_memory(streams: int, batches: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stage.memory_probe", str(streams), str(batches)],
        cwd=PROJECT_ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows, memory = map(int, done.stdout.split())
    # Together they are twice the limit.
    assert rows == streams * batches * (TARGET_BATCH_BYTES // 1000)
    assert memory < LIMIT_MB
