"""One running local Snowflake: its data, its sessions, its transactions and who may sign in."""

from __future__ import annotations

import hmac
import itertools
import threading
import time
from pathlib import Path
from typing import Any

from include.headrace.local_snowflake.engine import Engine
from include.headrace.local_snowflake.errors import SqlError
from include.headrace.local_snowflake.governance import Governance
from include.headrace.local_snowflake.history import History
from include.headrace.local_snowflake.names import fold
from include.headrace.local_snowflake.session import Session
from include.headrace.local_snowflake.transactions import Registry


class Instance:
    """The server's state. ``credentials`` is (user, password), or None to let anybody in.

    ``detached_seconds``: how long a session whose client is gone keeps its open transaction.
    """

    default_role = "ACCOUNTADMIN"

    def __init__(self, data_dir: Path, credentials: tuple[str, str] | None, detached_seconds: float) -> None:
        self.engine = Engine(data_dir)
        self.registry = Registry()
        self.history = History()
        self.governance = Governance(self.engine)
        self.detached_seconds = detached_seconds
        self._credentials = credentials
        self._mutex = threading.Lock()
        self._ids = itertools.count(int(time.time() * 1000))
        self._sessions: dict[str, Session] = {}

    def sign_in(
        self,
        user: str,
        password: str,
        parameters: dict[str, Any],
        database: str | None,
        schema: str | None,
        role: str | None,
        warehouse: str | None,
    ) -> Session:
        """Open a session. Raises 390100 for a wrong user or password."""
        if self._credentials is not None:
            right = [
                hmac.compare_digest(a.encode(), b.encode())
                for a, b in zip(
                    (user.lower(), password),
                    (self._credentials[0].lower(), self._credentials[1]),
                    strict=True,
                )
            ]
            if not all(right):
                raise SqlError(390100, "08001", "Incorrect username or password was specified.")
        with self._mutex:
            session_id = next(self._ids)
        session = Session(self, session_id, user.upper(), parameters)
        # As in Snowflake, a database or schema that is not there yet is left unset, without an error.
        if database and fold(database) in self.engine.databases():
            session.database = fold(database)
            if schema and fold(schema) in [*self.engine.schemas(session.database), "INFORMATION_SCHEMA"]:
                session.schema = fold(schema)
        session.role = fold(role) if role else session.role
        if warehouse:  # whatever the connection names is taken to exist, so that the same profile works here
            session.warehouse = fold(warehouse)
            self.governance.note("WAREHOUSE", session.warehouse)
        if role:
            self.governance.note("ROLE", session.role)
        with self._mutex:
            self._sessions[session.token] = session
        return session

    def session(self, token: str) -> Session:
        """The session of a token. Raises 390104 when there is none."""
        session = self._sessions.get(token)
        if session is None:
            raise SqlError(
                390104, "08001", "Session no longer exists. New login required to access the service."
            )
        session.last_seen = time.monotonic()
        return session

    def sessions(self) -> list[Session]:
        """All open sessions."""
        with self._mutex:
            return list(self._sessions.values())

    def sign_out(self, token: str) -> None:
        """End a session: its transaction rolls back, its temporary relations go."""
        with self._mutex:
            session = self._sessions.pop(token, None)
        if session is not None:
            session.close()

    def abort_transaction(self, transaction_id: int) -> bool:
        """Roll back another session's open transaction. Returns False when none of that id is open."""
        for session in self.sessions():
            if session.transaction is not None and session.transaction.id == transaction_id:
                session.abort("SYSTEM$ABORT_TRANSACTION")
                return True
        return False

    def cancel_queries(self, session_id: int) -> bool:
        """Interrupt what a session runs; its transaction stays. Returns False when no session has that id."""
        for session in self.sessions():
            if session.id == session_id:
                session.cancel()
                return True
        return False

    def close(self) -> None:
        """Roll back what is open and close the files."""
        for session in self.sessions():
            self.sign_out(session.token)
        self.engine.close()
