"""JSON files of any size are read in bounded memory: 300 MB above the interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.headrace.settings import PROJECT_ROOT

LIMIT_MB = 300
LARGE = '{"id": 1, "text": "' + "x" * 5_000 + '"}'
LARGE_ROWS = 100_000
"""With ``LARGE``, half a gigabyte: a file that is held whole passes the limit."""
SMALL = '{"id":1}'
SMALL_ROWS = 400_000
BROKEN = '{"a":'
BROKEN_ROWS = 100_000


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "items.json"
    yield path
    path.unlink()


def took(path: Path, form: str) -> tuple[int, int, int]:
    """Rows, rows set aside, and MB."""
    probe = [sys.executable, "-W", "ignore", "-m", "tests.readers.json_memory_probe"]
    done = subprocess.run(
        [*probe, str(path.parent), path.name, form],
        cwd=PROJECT_ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows, aside, memory = done.stdout.split()[-3:]
    return int(rows), int(aside), int(memory)


def test_a_large_file_of_lines(path: Path) -> None:
    with path.open("w") as file:
        for _ in range(LARGE_ROWS // 1000):
            file.write(f"{LARGE}\n" * 1000)
        file.write(f"{SMALL}\n" * SMALL_ROWS)
        file.write(f"{BROKEN}\n" * BROKEN_ROWS)
    rows, aside, memory = took(path, "lines")
    assert (rows, aside) == (LARGE_ROWS + SMALL_ROWS, BROKEN_ROWS)
    assert memory < LIMIT_MB


def test_a_large_list(path: Path) -> None:
    with path.open("w") as file:
        file.write("[\n")
        for _ in range(LARGE_ROWS // 1000):
            file.write(f"{LARGE},\n" * 1000)
        file.write(f"{SMALL}," * (SMALL_ROWS - 1) + SMALL + "]")
    rows, aside, memory = took(path, "list")
    assert (rows, aside) == (LARGE_ROWS + SMALL_ROWS, 0)
    assert memory < LIMIT_MB
