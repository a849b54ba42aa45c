"""The sweeper: what loads left behind in stages and in the ledger's schema, once nobody needs it.

A load removes its own files and tables when it has committed. What stays is of extracts that failed, of
tasks killed with -9, and of removals that failed. Age is counted by Snowflake's clock.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from include.headrace.copying import ATTEMPT_PREFIX
from include.headrace.errors import HeadraceError, PassingError
from include.headrace.ledger import Ledger
from include.headrace.names import quote
from include.headrace.session import Session
from include.headrace.settings import LEDGER_SCHEMA
from include.headrace.stage import STAGE_NAME

log = logging.getLogger(__name__)

OLDER_THAN = timedelta(days=7)
"""After this long without a commit, a load is not coming back by itself: retries end within hours, and
cleared by hand, its extract task stages the rows again."""

SETTLED = timedelta(hours=1)
"""After this long, nothing reads what is left of a committed load: a late attempt finds it in LOADS."""

ATTEMPT_PATH = re.compile(r"(?P<path>[^/]+/(?P<load_id>[0-9a-f]{32})/[0-9a-f]{32}/)[^/]+$")
ATTEMPT_TABLE = re.compile(rf"{ATTEMPT_PREFIX}(?P<attempt_id>[0-9A-F]{{32}})(__.+)?")


@dataclass(frozen=True)
class Orphan:
    """Something that a load left: ``name`` is the stage's path or the table as a statement names it."""

    kind: Literal["staged files", "table"]
    name: str
    load_id: str | None
    age: timedelta
    files: int = 0
    bytes: int = 0
    committed: bool = False

    @property
    def text(self) -> str:
        """The orphan in one line."""
        what = "committed" if self.committed else "never committed"
        size = f", {self.files} files, {self.bytes} bytes" if self.files else ""
        return f"{self.kind} {self.name} (load {self.load_id or 'unknown'}, {what}, {_days(self.age)}{size})"


@dataclass(frozen=True)
class Sweep:
    """One sweep of one RAW database.

    What is left of a committed load goes when it is older than ``settled``, anything else when it is
    older than ``older_than``.
    """

    open_session: Callable[[], Session]
    database: str
    older_than: timedelta = OLDER_THAN
    settled: timedelta = SETTLED

    def orphans(self) -> list[Orphan]:
        """What may go now. Nothing is changed."""
        session = self.open_session()
        try:
            return self._orphans(session)
        finally:
            session.close()

    def run(self) -> list[Orphan]:
        """Remove what may go; what was removed.

        Raises PassingError, after trying everything, when something could not be removed.
        """
        removed, failed = [], []
        session = self.open_session()
        try:
            for orphan in self._orphans(session):
                verb = "REMOVE" if orphan.files else "DROP TABLE IF EXISTS"
                try:
                    session.execute(f"{verb} {orphan.name}")
                except HeadraceError as error:
                    failed.append(f"{orphan.text}: {error}")
                else:
                    log.info("Removed %s", orphan.text)
                    removed.append(orphan)
        finally:
            session.close()
        if failed:
            raise PassingError(f"{len(failed)} orphans could not be removed: {'; '.join(failed)}")
        return removed

    def _orphans(self, session: Session) -> list[Orphan]:
        ledger = Ledger(session, self.database)
        if not ledger.exists():
            return []
        now = session.query("SELECT CURRENT_TIMESTAMP() AS now")[0]["now"].astimezone(UTC)
        found = [*self._staged(session, now), *self._tables(session, ledger, now)]
        committed = ledger.committed_among({one.load_id for one in found if one.load_id})
        marked = [replace(one, committed=one.load_id in committed) for one in found]
        return [one for one in marked if one.age >= (self.settled if one.committed else self.older_than)]

    def _staged(self, session: Session, now: datetime) -> Iterator[Orphan]:
        """Each attempt's folder in each source's stage; its age is that of its newest file."""
        for stage in session.query(f"SHOW STAGES LIKE '{STAGE_NAME}' IN DATABASE {quote(self.database)}"):
            location = f"@{quote(self.database, stage['schema_name'], STAGE_NAME)}/"
            folders: dict[str, list[tuple[str, datetime, int]]] = {}
            for file in session.query(f"LIST {location}"):
                place = ATTEMPT_PATH.search(file["name"])
                if place is None:
                    log.warning("%s in %s is not of a load; it stays.", file["name"], location)
                    continue
                entry = (place["load_id"], parsedate_to_datetime(file["last_modified"]), int(file["size"]))
                folders.setdefault(place["path"], []).append(entry)
            for path, files in sorted(folders.items()):
                newest = max(modified for _, modified, _ in files)
                size = sum(size for _, _, size in files)
                yield Orphan("staged files", location + path, files[0][0], now - newest, len(files), size)

    def _tables(self, session: Session, ledger: Ledger, now: datetime) -> list[Orphan]:
        """Each attempt's tables, which only a killed load leaves."""
        schema = quote(self.database, LEDGER_SCHEMA)
        shown = session.query(f"SHOW TABLES LIKE '{ATTEMPT_PREFIX}%' IN SCHEMA {schema}")
        tables = [(row, ATTEMPT_TABLE.fullmatch(row["name"])) for row in shown]
        ours = [(row, match["attempt_id"].lower()) for row, match in tables if match]
        loads = ledger.loads_of_attempts({attempt_id for _, attempt_id in ours})
        return [
            Orphan(
                "table",
                quote(self.database, LEDGER_SCHEMA, row["name"]),
                loads.get(attempt_id),
                now - row["created_on"].astimezone(UTC),
            )
            for row, attempt_id in ours
        ]


def _days(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours / 24:.1f} days old" if hours >= 48 else f"{hours:.1f} hours old"
