"""A TCP proxy on loopback that breaks connections at a given moment, for tests of what a network does."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

HOST = "127.0.0.1"
CHUNK = 65536
KEPT = 4096
"""Bytes of earlier requests that a pattern may reach back into."""

Action = Literal["drop", "reset", "cut", "delay", "refuse"]


@dataclass
class Fault:
    """What happens to a connection, and when.

    The moment is ``after`` bytes of the server's replies, counted on each connection from its start, or,
    with ``request``, from the first request that holds that pattern (``occurrence`` is which such request,
    over all connections). ``lost`` breaks the connection with the request unsent. It happens ``times``
    times and then no more.

    drop closes both ends; reset sends RST to the client; cut passes on half of what was under way and
    closes; delay waits ``seconds``, once, and goes on; refuse closes the connection before anything is sent.
    """

    action: Action
    after: int = 0
    request: re.Pattern[bytes] | None = None
    occurrence: int = 1
    lost: bool = False
    times: int = 1
    seconds: float = 1.0
    done: int = 0
    met: int = 0

    @property
    def is_spent(self) -> bool:
        return self.done >= self.times


@dataclass
class Seen:
    """What one connection carried: requests as they came, and bytes of replies before and after each."""

    requests: list[tuple[int, bytes]] = field(default_factory=list)
    reply_bytes: int = 0


class _Connection:
    """One client's connection, its two directions each in a thread."""

    def __init__(self, proxy: TcpProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client, self._server = client, server
        self.seen = Seen()
        self._tail = b""
        self._armed_at: int | None = None

    def run(self) -> None:
        back = threading.Thread(target=self._replies, daemon=True)
        back.start()
        self._requests()
        back.join()

    def _requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(CHUNK):
                self.seen.requests.append((self.seen.reply_bytes, data))
                if self._meets(data):
                    return
                self._server.sendall(data)
        close(self._server)

    def _meets(self, data: bytes) -> bool:
        """Look for the fault's request; True when the fault ended the connection."""
        with self._proxy.mutex:
            fault = self._proxy.fault
            if fault is None or fault.request is None or self._armed_at is not None:
                return False
            window = self._tail + data
            self._tail = window[-KEPT:]
            if not fault.request.search(window):
                return False
            self._tail = b""
            fault.met += 1
            if fault.met < fault.occurrence or fault.is_spent:
                return False
            if not fault.lost:
                self._armed_at = self.seen.reply_bytes
                return False
            fault.done += 1
        return self._break(fault, b"")

    def _replies(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(CHUNK):
                if self._due(data):
                    return
                self.seen.reply_bytes += len(data)
                self._client.sendall(data)
        close(self._client)

    def _due(self, data: bytes) -> bool:
        """Do the fault when its moment lies in ``data``; True when it ended the connection."""
        with self._proxy.mutex:
            fault = self._proxy.fault
            if fault is None or fault.lost or fault.is_spent or fault.action == "refuse":
                return False
            start = 0 if fault.request is None else self._armed_at
            if start is None or self.seen.reply_bytes + len(data) <= start + fault.after:
                return False
            fault.done += 1
        return self._break(fault, data[: start + fault.after - self.seen.reply_bytes], data)

    def _break(self, fault: Fault, before: bytes, data: bytes = b"") -> bool:
        if fault.action == "delay":
            time.sleep(fault.seconds)
            return False
        with suppress(OSError):
            if fault.action == "cut":
                before += data[len(before) :][: max(1, (len(data) - len(before)) // 2)]
            if before:
                self._client.sendall(before)
        close(self._client, with_reset=fault.action == "reset")
        close(self._server)
        return True


class TcpProxy:
    """A proxy on a free port before ``port`` of loopback. One fault at a time; none passes everything on."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.mutex = threading.Lock()
        self.fault: Fault | None = None
        self.seen: list[Seen] = []
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[Fault]:
        """Do ``fault`` to what happens in the block; ``fault.done`` says how often it did."""
        self.fault = fault
        try:
            yield fault
        finally:
            self.fault = None

    @contextmanager
    def recorded(self) -> Iterator[list[Seen]]:
        """What the connections made in the block carried."""
        self.seen = []
        yield self.seen

    def stop(self) -> None:
        self._stopping = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuses():
                close(client, with_reset=True)
                continue
            try:
                server = socket.create_connection((HOST, self._upstream))
            except OSError:
                close(client, with_reset=True)
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(self, client, server)
            self.seen.append(connection.seen)
            threading.Thread(target=connection.run, daemon=True).start()

    def _refuses(self) -> bool:
        with self.mutex:
            fault = self.fault
            if fault is None or fault.action != "refuse" or fault.is_spent:
                return False
            fault.met += 1
            if fault.met < fault.occurrence:
                return False
            fault.done += 1
            return True


def close(end: socket.socket, *, with_reset: bool = False) -> None:
    """Close a socket that another thread may be reading; ``with_reset`` sends RST in place of FIN."""
    with suppress(OSError):
        if with_reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Another thread's recv keeps the socket open: only shutting down its reading half ends that.
            end.shutdown(socket.SHUT_RD)
        else:
            end.shutdown(socket.SHUT_RDWR)
    end.close()
