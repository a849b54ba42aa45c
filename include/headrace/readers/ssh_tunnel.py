"""A local port that leads through an SSH host to an address that only this host sees.

The provider's own ``SSHTunnel`` serves all connections from one thread that may wait for ever on one of
them, cuts a connection when one side has finished, and keeps its errors in the log.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import paramiko  # type: ignore[import-untyped]

from include.headrace.errors import HeadraceError, PassingError, SourceError
from include.headrace.readers.ssh_connection import signed_in

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 64 * 1024
OPEN_SECONDS = 15
STOP_POLL_SECONDS = 0.1

FORBIDDEN, UNKNOWN_TYPE = 1, 3
"""Reasons to refuse a channel that a retry does not mend (RFC 4254, section 5.1)."""

ABORT_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: the peer sees a connection that was reset, not one that came to its end."""


@contextmanager
def tunnelled(connection_id: str, host: str, port: int) -> Iterator[tuple[str, int]]:
    """The local address of a tunnel by an Airflow connection of type ssh. See ``reached``."""
    with signed_in(connection_id) as transport, _Forwarder(connection_id, transport, (host, port)) as server:
        threading.Thread(target=server.serve_forever, args=(STOP_POLL_SECONDS,), daemon=True).start()
        try:
            yield LOOPBACK, server.server_address[1]
        except Exception as error:
            broken = server.broken or server.lost()
            if broken is not None:
                raise broken from error
            raise
        finally:
            server.shutdown()
            server.cut()


class _Forwarder(socketserver.ThreadingTCPServer):
    """Forwards each connection to its port by a channel of its own, in threads of its own.

    ``broken`` is the first error of a channel that could not be made. Raises SourceError or
    PassingError when the target cannot be reached.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, connection_id: str, transport: paramiko.Transport, target: tuple[str, int]) -> None:
        self._where = f"The SSH host of connection {connection_id!r}"
        self._transport = transport
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.broken: HeadraceError | None = None
        # The first channel is made before there is a connection to serve, so that a target that
        # cannot be reached is known at once and by its own reason.
        self._ready: paramiko.Channel | None = self._channel((LOOPBACK, 0))
        super().__init__((LOOPBACK, 0), _Forwarding)

    def channel(self, origin: tuple[str, int]) -> paramiko.Channel:
        """A channel to the target for the connection that comes from ``origin``."""
        with self._lock:
            ready, self._ready = self._ready, None
        # A server hangs up on who says nothing for some seconds.
        if ready is not None and not (ready.closed or ready.eof_received):
            return ready
        try:
            return self._channel(origin)
        except HeadraceError as error:
            self.broken = self.broken or error
            raise

    def _channel(self, origin: tuple[str, int]) -> paramiko.Channel:
        try:
            return self._transport.open_channel(
                "direct-tcpip", dest_addr=self._target, src_addr=origin, timeout=OPEN_SECONDS
            )
        except paramiko.ChannelException as error:
            raise self._refused(error) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self.lost() or PassingError(f"{self._where} opened no channel: {error}") from None

    def _refused(self, error: paramiko.ChannelException) -> HeadraceError:
        host, port = self._target
        if error.code in (FORBIDDEN, UNKNOWN_TYPE):
            return SourceError(
                f"{self._where} forbids forwarding to {host}:{port} ({error.text}); have it allowed there "
                "(AllowTcpForwarding, PermitOpen), or correct the address of the source."
            )
        return PassingError(
            f"{self._where} cannot reach {host}:{port} ({error.text}). Is the source up, and is this its "
            "address as the SSH host sees it?"
        )

    def lost(self) -> HeadraceError | None:
        """The error to raise when the SSH connection is gone; None while it stands."""
        if self._transport.is_active():
            return None
        reason = str(self._transport.saved_exception or "") or "the connection was closed"
        return PassingError(f"{self._where} was lost: {reason}.")

    def process_request_thread(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        with self._lock:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close without the farewell that the base class sends: ``_Forwarding`` has sent what is due."""
        self.close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """What nobody foresaw in a connection's thread is the block's error too."""
        error = sys.exc_info()[1]
        self.broken = self.broken or PassingError(f"{self._where}: forwarding failed: {error!r}")

    def cut(self) -> None:
        """End every connection still open."""
        self._transport.close()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


class _Forwarding(socketserver.BaseRequestHandler):
    """One connection: what comes from the client goes up the channel, what comes from the source down.

    No more than a chunk and the channel's window is ever held: a side that reads slowly holds back
    the other. Each side may finish by itself.
    """

    server: _Forwarder
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            channel = self.server.channel(self.client_address)
        except HeadraceError:
            # Kept by the server, which raises it in the block.
            self._abort()
            return
        up = threading.Thread(target=self._up, args=(channel,), daemon=True)
        up.start()
        if not self._down(channel):
            channel.close()
            self._abort()
            # Wakes the other thread where it waits for the client, and tells the client nothing yet.
            with suppress(OSError):
                self.request.shutdown(socket.SHUT_RD)
        up.join()
        channel.close()

    def _down(self, channel: paramiko.Channel) -> bool:
        """True when the source came to its end, False when either side broke off."""
        try:
            while data := channel.recv(CHUNK_BYTES):
                self.request.sendall(data)
            if channel.eof_received:
                self.request.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return bool(channel.eof_received)

    def _up(self, channel: paramiko.Channel) -> None:
        try:
            while data := self.request.recv(CHUNK_BYTES):
                channel.sendall(data)
            channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):
            # The client or the channel is gone; closing the channel ends the other direction too.
            channel.close()

    def _abort(self) -> None:
        with suppress(OSError):
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT_ON_CLOSE)
