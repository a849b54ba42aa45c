"""Step 5 of a load: staged files into the attempt's own tables, held against the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.headrace.errors import CountError, PermanentError
from include.headrace.manifest import Manifest, StagedFile
from include.headrace.names import fold, literal, quote
from include.headrace.part_writer import PART_COLUMN
from include.headrace.parts import REJECTED_SCHEMA
from include.headrace.schema import Column, copy_expression
from include.headrace.session import Session
from include.headrace.settings import LEDGER_SCHEMA
from include.headrace.stage import stage_location

FILES_PER_COPY = 1000
"""Most names that one COPY takes in FILES (Snowflake documentation, "COPY INTO <table>")."""

ATTEMPT_PREFIX = "ATTEMPT__"
"""How the names of attempts' tables begin."""

FILE_COLUMN = "#FILE"
ROW_COLUMN = "#ROW"
"""Where a row stood: the order that breaks ties between equal keys and cursors. No column of a source
has such a name once it is folded."""

FILE_FORMAT = (
    "(TYPE=PARQUET USE_LOGICAL_TYPE=TRUE BINARY_AS_TEXT=FALSE USE_VECTORIZED_SCANNER=TRUE NULL_IF=())"
)
"""NULL_IF is emptied because its default turns the text ``\\N`` into NULL."""

PART = Column(PART_COLUMN, PART_COLUMN, "VARCHAR")
REJECTED_COLUMNS = tuple(Column(name, name, "VARCHAR") for name in REJECTED_SCHEMA.names)


class AttemptTables:
    """The transient tables of one try, in the ledger's schema: rows, rows set aside, the source's keys."""

    def __init__(self, session: Session, database: str, manifest: Manifest, attempt: str) -> None:
        self._session = session
        self._manifest = manifest
        self._database = database
        self.rows = quote(database, LEDGER_SCHEMA, ATTEMPT_PREFIX + attempt.upper())
        self.quarantine = quote(database, LEDGER_SCHEMA, f"{ATTEMPT_PREFIX}{attempt.upper()}__QUARANTINE")
        self.keys = quote(database, LEDGER_SCHEMA, f"{ATTEMPT_PREFIX}{attempt.upper()}__KEYS")

    def fill(self, keys: Sequence[Column] = ()) -> None:
        """Make the tables and copy every staged file in, in one transaction. ``keys`` are the columns of the
        table of keys, which is there only when keys were staged.

        Raises CountError when a file is missing, loaded in part or twice, or when the count of
        values that are not NULL differs from the manifest in any column.
        """
        self._create(self.rows, self._manifest.columns)
        self._create(self.quarantine, REJECTED_COLUMNS)
        if self._manifest.keys is not None:
            self._create(self.keys, keys)
        self._session.execute("BEGIN")
        try:
            self._copy(self.rows, self._manifest.columns, self._manifest.files_of("rows"))
            self._copy(self.quarantine, REJECTED_COLUMNS, self._manifest.files_of("quarantine"))
            if self._manifest.keys is not None:
                self._copy(self.keys, keys, self._manifest.files_of("keys"))
            self._check_values()
        except BaseException:
            self._session.rollback()
            raise
        self._session.execute("COMMIT")

    def drop(self, *, keep_quarantine: bool = False) -> None:
        """Drop the tables; on demand all but that of rows set aside."""
        tables = [self.rows]
        if not keep_quarantine:
            tables.append(self.quarantine)
        if self._manifest.keys is not None:
            tables.append(self.keys)
        for table in tables:
            self._session.execute(f"DROP TABLE IF EXISTS {table}")

    def _create(self, table: str, columns: Sequence[Column]) -> None:
        body = [f"{quote(column.name)} {column.type}" for column in (*columns, PART)]
        body += [f"{quote(FILE_COLUMN)} VARCHAR", f"{quote(ROW_COLUMN)} NUMBER(19,0)"]
        self._session.execute(f"CREATE OR REPLACE TRANSIENT TABLE {table} ({', '.join(body)})")

    def _copy(self, table: str, columns: Sequence[Column], files: Sequence[StagedFile]) -> None:
        ids = self._manifest.ids
        location = stage_location(self._database, fold(ids.source), ids.path)
        staged = (*columns, PART)
        names = ", ".join([*(quote(c.name) for c in staged), quote(FILE_COLUMN), quote(ROW_COLUMN)])
        values = ", ".join(
            [*(copy_expression(c) for c in staged), "METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER"]
        )
        for start in range(0, len(files), FILES_PER_COPY):
            part = files[start : start + FILES_PER_COPY]
            listed = ", ".join(literal(file.name) for file in part)
            try:
                answer = self._session.query(
                    f"COPY INTO {table} ({names}) FROM (SELECT {values} FROM {location}) "
                    f"FILES=({listed}) FILE_FORMAT={FILE_FORMAT} ON_ERROR=ABORT_STATEMENT"
                )
            except PermanentError as error:
                raise CountError(
                    f"The staged files of {ids.label} could not be copied, so nothing was applied; if one is "
                    f"missing or damaged, clear the extract task to stage the rows again. {error}"
                ) from error
            check_receipts(part, answer, where=ids.label)
        if files:
            self._check_places(table)

    def _check_places(self, table: str) -> None:
        """Every row was written for the file it came from: counts alone would not tell two files apart."""
        file, part = quote(FILE_COLUMN), quote(PART_COLUMN)
        misplaced = self._session.query(
            f"SELECT COUNT(*) AS N, MIN({file}) AS NAME FROM {table} "
            f"WHERE NOT COALESCE(CONTAINS({file}, {part}), FALSE)"
        )[0]
        if int(misplaced["n"]):
            raise CountError(
                f"The staged file {misplaced['name']} of {self._manifest.ids.label} holds rows of another "
                f"file ({misplaced['n']} rows), so nothing was applied; clear the extract task to stage the "
                "rows again."
            )

    def _check_values(self) -> None:
        expected = self._manifest.non_null()
        # COUNT(column) would leave out a VARIANT that is JSON's null, which was staged as a value.
        counts = ", ".join(
            [
                'COUNT(*) AS "#"',
                *(f"COUNT_IF({quote(name)} IS NOT NULL) AS {quote(name)}" for name in expected),
            ]
        )
        found = self._session.query(f"SELECT {counts} FROM {self.rows}")[0]
        wrong = {
            name: (count, int(found[name.lower()] or 0))
            for name, count in {"#": self._manifest.rows_staged, **expected}.items()
            if int(found[name.lower()] or 0) != count
        }
        if wrong:
            told = "; ".join(
                f"{name}: {there} staged, {here} in the table" for name, (there, here) in wrong.items()
            )
            raise CountError(
                f"Values were lost between the stage and {self.rows} ({told}; # is rows); "
                "nothing was applied. "
                "Keep the staged files and report the column's type and an example value."
            )


def check_receipts(files: Sequence[StagedFile], answer: Sequence[Mapping[str, Any]], *, where: str) -> None:
    """Hold a COPY's answer against the files it was given.

    Every file must be named exactly once, be LOADED, and have parsed and loaded as many rows as
    the manifest says. ``rowcount`` would not do: it counts files. Raises CountError.
    """
    expected = {file.name: file.rows for file in files}
    problems: list[str] = []
    seen: list[str] = []
    for row in answer:
        name = str(row.get("file", row.get("status"))).rsplit("/", 1)[-1]
        seen.append(name)
        if name not in expected:
            problems.append(f"{name}: not in the manifest")
            continue
        parsed, loaded = int(row["rows_parsed"] or 0), int(row["rows_loaded"] or 0)
        if row["status"] != "LOADED" or not parsed == loaded == expected[name]:
            problems.append(f"{name}: {row['status']}, {loaded} of {expected[name]} rows")
    problems += [f"{name}: no receipt" for name in expected if name not in seen]
    problems += [f"{name}: {seen.count(name)} receipts" for name in sorted(set(seen)) if seen.count(name) > 1]
    if problems:
        raise CountError(
            f"COPY into {where} did not load every staged file whole: {'; '.join(problems)}. "
            "Nothing was applied; clear the extract task to stage the rows again."
        )
