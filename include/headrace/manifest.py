"""What an extract staged: files with their counts and hashes, columns, and the cursor's range.

The manifest lives in the ledger; tasks pass ids to one another, never the manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from include.headrace.names import fold
from include.headrace.schema import Column


def now() -> datetime:
    """The moment as the ledger stores it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


FileKind = Literal["rows", "quarantine", "keys"]


@dataclass(frozen=True)
class LoadIds:
    """What names one try of one load. ``path`` is the try's folder in the stage, with its slash."""

    source: str
    table: str
    load_id: str
    attempt_id: str

    @property
    def label(self) -> str:
        """The table as messages name it."""
        return f"{self.source}.{self.table}"

    @property
    def path(self) -> str:
        """Where this try's files are in the source's stage. A stage path is a prefix: the slash
        at its end keeps ``.../1`` from also meaning ``.../10``."""
        return f"{fold(self.table).lower()}/{self.load_id}/{self.attempt_id}/"


@dataclass(frozen=True)
class StagedFile:
    """One file in the stage. ``bytes`` is its size before encryption, ``non_null`` a count a column."""

    name: str
    kind: FileKind
    rows: int
    bytes: int
    sha256: str
    non_null: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """Everything the load needs to know of what was staged, and checks itself against."""

    ids: LoadIds
    columns: tuple[Column, ...]
    files: tuple[StagedFile, ...]
    rows_extracted: int
    rows_quarantined: int
    rows_discarded: int
    span_lower: str | None
    span_lower_inclusive: bool
    span_upper: str | None
    cursor_min: str | None
    cursor_max: str | None
    schema_hash: str
    sampled: bool
    interval_start: str | None
    interval_end: str | None
    started_at: str
    """When reading began, UTC without a zone."""
    epoch: int | None = None
    """The fence's epoch when reading began; None in a manifest of before it was kept."""
    keys: int | None = None
    """How many keys the whole source table had; None when they were not read."""

    @property
    def rows_staged(self) -> int:
        """Rows in the staged files, without those set aside."""
        return sum(file.rows for file in self.files if file.kind == "rows")

    def files_of(self, kind: FileKind) -> list[StagedFile]:
        """The files of one kind, in the order they were written."""
        return [file for file in self.files if file.kind == kind]

    def non_null(self) -> dict[str, int]:
        """How many values of each column are not NULL, over all files of rows."""
        totals = {column.name: 0 for column in self.columns}
        for file in self.files_of("rows"):
            for name, count in file.non_null.items():
                totals[name] += count
        return totals

    def header_json(self) -> str:
        """Everything but ids and files, as JSON text; ``Manifest.read`` puts it together again."""
        body = asdict(self)
        del body["ids"], body["files"]
        return json.dumps(body)

    @classmethod
    def read(cls, ids: LoadIds, header: str, files: tuple[StagedFile, ...]) -> Manifest:
        """A manifest from its header and its files as the ledger has them."""
        body: dict[str, Any] = json.loads(header)
        body["columns"] = tuple(Column(**column) for column in body["columns"])
        return cls(ids=ids, files=files, **body)
