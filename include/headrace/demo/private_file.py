"""Files that hold a secret of a local run."""

from __future__ import annotations

import os
from pathlib import Path


def owner_only(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, in place of one that is there, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
