"""Roles and warehouses: names that sessions may use. Grants are not enforced, so GRANT is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fakesnow import statement_type

from include.headrace.local_snowflake.errors import already_exists, does_not_exist, refuse
from include.headrace.local_snowflake.names import split
from include.headrace.local_snowflake.values import Result, status

if TYPE_CHECKING:
    from include.headrace.local_snowflake.engine import Engine
    from include.headrace.local_snowflake.session import Session

BUILT_IN_ROLES = ("ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN", "USERADMIN", "PUBLIC")
_TABLE = "_fs_global._fs_information_schema._hr_names"
_CREATE = re.compile(
    r"create\s+(or\s+replace\s+)?(role|warehouse)\s+(if\s+not\s+exists\s+)?(.+)", re.IGNORECASE | re.DOTALL
)
_DROP = re.compile(r"drop\s+(role|warehouse)\s+(if\s+exists\s+)?(.+)", re.IGNORECASE | re.DOTALL)


class Governance:
    """The roles and warehouses of the account, kept in the catalogue."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        engine.catalog(
            f"CREATE TABLE IF NOT EXISTS {_TABLE} (kind VARCHAR, name VARCHAR, PRIMARY KEY (kind, name))"
        )

    def names(self, kind: str) -> list[str]:
        """The names of a kind, ROLE or WAREHOUSE, sorted."""
        found = [
            n for (n,) in self._engine.catalog(f"SELECT name FROM {_TABLE} WHERE kind = ? ORDER BY 1", [kind])
        ]
        return sorted({*found, *BUILT_IN_ROLES}) if kind == "ROLE" else found

    def need_role(self, name: str) -> None:
        """Raise 002003 when there is no such role."""
        if name not in self.names("ROLE"):
            raise does_not_exist("Role", name)

    def need_warehouse(self, name: str) -> None:
        """Raise 002043 as Snowflake does when there is no such warehouse."""
        if name not in self.names("WAREHOUSE"):
            raise does_not_exist("Warehouse", name)

    def note(self, kind: str, name: str) -> None:
        """Keep a name; one that is there stays."""
        self._engine.catalog(f"INSERT INTO {_TABLE} VALUES (?, ?) ON CONFLICT DO NOTHING", [kind, name])

    def create(self, kind: str, name: str, replace: bool, exists_ok: bool) -> bool:
        """Add a name. Returns False when it was there and ``exists_ok``."""
        if name in self.names(kind) and not replace:
            if exists_ok:
                return False
            raise already_exists(name)
        self.note(kind, name)
        return True

    def drop(self, kind: str, name: str, missing_ok: bool) -> bool:
        """Remove a name. Returns False when it was missing and ``missing_ok``."""
        if name not in self.names(kind):
            if missing_ok:
                return False
            raise does_not_exist(kind.title(), name)
        self._engine.catalog(f"DELETE FROM {_TABLE} WHERE kind = ? AND name = ?", [kind, name])
        return True


def create_or_drop(session: Session, statement: str) -> Result | None:
    """CREATE or DROP of a ROLE or WAREHOUSE by name alone; None for any other statement."""
    if found := _CREATE.fullmatch(statement):
        kind, (parts, rest) = found[2].upper(), split(found[4])
        if rest.strip():
            raise refuse(f"do CREATE {kind} with {rest.strip()[:40]}")
        session.commit()
        done = session.instance.governance.create(kind, parts[0], bool(found[1]), bool(found[3]))
        word = "successfully created." if done else "already exists, statement succeeded."
        return status(f"{kind.title()} {parts[0]} {word}", statement_type.DDL)
    if found := _DROP.fullmatch(statement):
        kind, (parts, rest) = found[1].upper(), split(found[3])
        if rest.strip():
            raise refuse(f"do DROP {kind} with {rest.strip()[:40]}")
        session.commit()
        done = session.instance.governance.drop(kind, parts[0], bool(found[2]))
        if not done:
            return status(
                "Drop statement executed successfully (object already dropped).", statement_type.DDL
            )
        return status(f"{parts[0]} successfully dropped.", statement_type.DDL)
    return None
