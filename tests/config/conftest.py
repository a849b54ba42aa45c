from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from include.headrace.config import load_source
from include.headrace.errors import ConfigError

Errors = Callable[..., list[str]]


@pytest.fixture
def errors(tmp_path: Path) -> Errors:
    """Write a source file, read it, and give the lines of its error without the file's folder."""

    def read(text: str | bytes, name: str = "shop.yml") -> list[str]:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode())
        with pytest.raises(ConfigError) as caught:
            load_source(path)
        lines = str(caught.value).split("\n")
        assert all(line.startswith(f"{path}:") for line in lines)
        return [line.removeprefix(f"{tmp_path}/") for line in lines]

    return read
