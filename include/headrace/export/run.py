"""One export: a statement's rows into both files, counted, and published only when all counts agree."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from include.headrace.errors import CountError, PassingError
from include.headrace.export.columns import ExportColumn, arrow_schema, columns_of, settled
from include.headrace.export.files import WrittenFile, read_again, writers
from include.headrace.export.place import Place
from include.headrace.names import quote
from include.headrace.session import Session

KEPT = 3
"""Versions that stay, the current one among them: who has begun to read one has time to finish."""

UNORDERED = ("VARIANT", "OBJECT", "ARRAY")


@dataclass(frozen=True)
class Export:
    """The export of one relation.

    ``relation`` is database, schema and name as they are stored; ``key`` names the columns that order
    the rows first. ``run_id`` is the run that the manifest names.
    """

    open_session: Callable[[], Session]
    place: Place
    model: str
    relation: tuple[str, str, str]
    key: tuple[str, ...]
    run_id: str

    def run(self) -> dict[str, Any]:
        """Export the relation and return the new manifest.

        Until the manifest is replaced, the old version is the current one, whole. Raises CountError
        when a file does not hold as many rows as the statement gave, PassingError when another export
        was published meanwhile, and as the session and the place do.
        """
        before = self.place.manifest()
        began = datetime.now(UTC)
        version = f"{began:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
        try:
            manifest = self._write(version, began)
            manifest["previous"] = _versions(before)[: KEPT - 1]
            if self.place.manifest() != before:
                raise PassingError(f"Another export of {self.model} was published meanwhile; it runs again.")
            self.place.publish(manifest)
        except BaseException:
            # A signal may come just after the manifest was replaced: then this is the current version.
            if self.place.manifest() == before:
                self.place.remove(version)
            raise
        self.place.prune(_versions(manifest))
        return manifest

    def _write(self, version: str, began: datetime) -> dict[str, Any]:
        session = self.open_session()
        try:
            order, statement = self._statement(session)
            with session.stream(statement) as answer:
                columns = columns_of(answer.description)
                with writers(self.place, version, self.model, arrow_schema(columns)) as both:
                    for rows in answer.batches:
                        both.write(settled(rows, columns))
        finally:
            session.close()
        files = read_again(self.place, version, self.model)
        self._compare(answer.rows, files)
        return {
            "model": self.model,
            "relation": ".".join(self.relation),
            "version": version,
            "exported_at": began.isoformat(),
            "run_id": self.run_id,
            "query_id": answer.query_id,
            "rows": answer.rows,
            "columns": [_described(column) for column in columns],
            "order_by": order,
            "files": {name: asdict(file) for name, file in files.items()},
        }

    def _statement(self, session: Session) -> tuple[list[str], str]:
        """The columns that order the rows, the key first, and the statement."""
        table = quote(*self.relation)
        described = session.query(f"DESCRIBE TABLE {table}")
        kinds = {str(row["name"]): str(row["type"]) for row in described if row["kind"] == "COLUMN"}
        key = [name for name in kinds if name.upper() in {part.upper() for part in self.key}]
        order = [*key, *(name for name in kinds if name not in key and kinds[name] not in UNORDERED)]
        statement = f"SELECT {', '.join(quote(name) for name in kinds)} FROM {table}"
        if order:
            statement += f" ORDER BY {', '.join(f'{quote(name)} NULLS LAST' for name in order)}"
        return order, statement

    def _compare(self, rows: int, files: dict[str, WrittenFile]) -> None:
        if any(file.rows != rows for file in files.values()):
            told = ", ".join(f"{file.path}: {file.rows}" for file in files.values())
            raise CountError(
                f"The statement gave {rows} rows of {'.'.join(self.relation)} and the files hold others "
                f"({told}); the export before stays. Clear the task to export again."
            )


def _versions(manifest: dict[str, Any] | None) -> Sequence[str]:
    """The version that a manifest names, and those it names as kept, newest first."""
    return [manifest["version"], *manifest["previous"]] if manifest else []


def _described(column: ExportColumn) -> dict[str, str]:
    return {"name": column.name, "type": column.type, "parquet": str(column.arrow)}
