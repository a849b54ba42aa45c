"""Which session's client is still there: open transactions of dead clients end.

The connector sends nothing while it is idle, but it keeps its connection open; when its process dies, the
system closes that. A session with no connection and no request for ``detached_seconds`` is detached: its open
transaction rolls back. (Snowflake takes five to ten minutes for the same.)
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from include.headrace.local_snowflake.instance import Instance
    from include.headrace.local_snowflake.session import Session

Peer = tuple[str, int]


class Connections:
    """Open TCP connections and the sessions that were seen on them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._mutex = threading.Lock()
        self._open: set[Peer] = set()
        self._peers: dict[str, set[Peer]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="detached-sessions", daemon=True)

    def protocol(self) -> type[asyncio.Protocol]:
        """A protocol class for uvicorn that notes each connection's begin and end."""
        owner = self

        class Watched(H11Protocol):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                peer = transport.get_extra_info("peername")
                if peer:
                    with owner._mutex:
                        owner._open.add(tuple(peer[:2]))

            def connection_lost(self, exc: Exception | None) -> None:
                peer = self.transport.get_extra_info("peername")
                if peer:
                    with owner._mutex:
                        owner._open.discard(tuple(peer[:2]))
                super().connection_lost(exc)

        return Watched

    def seen(self, request: Request, session: Session) -> None:
        """Note that a session used the request's connection."""
        if request.client is not None:
            with self._mutex:
                self._peers.setdefault(session.token, set()).add((request.client.host, request.client.port))
        session.last_seen = time.monotonic()

    def attached(self, session: Session) -> bool:
        """True while one of the session's connections is open."""
        with self._mutex:
            peers = self._peers.get(session.token, set())
            peers &= self._open
            return bool(peers)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _watch(self) -> None:
        pause = min(1.0, max(0.05, self._instance.detached_seconds / 4))
        while not self._stop.wait(pause):
            sessions = self._instance.sessions()
            for session in sessions:
                idle = time.monotonic() - session.last_seen
                if idle < self._instance.detached_seconds or self.attached(session):
                    continue
                self._detached(session)
            with self._mutex:
                live = {s.token for s in sessions}
                for token in [t for t in self._peers if t not in live]:
                    del self._peers[token]

    def _detached(self, session: Session) -> None:
        if session.is_running:
            if session.parameters.value("ABORT_DETACHED_QUERY") == "true":
                session.cancel()
            return
        if session.transaction is not None:
            session.abort("its client is gone")
