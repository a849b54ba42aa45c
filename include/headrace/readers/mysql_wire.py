"""A query whose rows the server sends in binary, read off the driver's socket as blocks of whole packets.

The driver speaks the text protocol: the server writes every number and moment as digits for the client
to parse, and each value becomes a Python object. The rows of a prepared statement come as the server
holds them (MySQL Internals, "Binary Protocol Resultset") and are decoded a column at a time.

The driver makes the connection and signs in; here its socket is read raw, so there can be no TLS on it.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from MySQLdb import OperationalError

from include.headrace.readers.mysql_connection import socket_of

if TYPE_CHECKING:
    from MySQLdb.connections import Connection

PREPARE, EXECUTE, CLOSE = 0x16, 0x17, 0x19
END, ERROR = 0xFE, 0xFF
END_BYTES = 9
"""An end of rows is shorter (MySQL Internals, "EOF_Packet"), and so is the OK that newer servers send."""

HEADER = 4
FULL = 0xFFFFFF
"""The size of a packet that goes on in the next one."""

LOST = 2013
"""The driver's code of a connection that broke off in mid query."""

RECEIVED_BYTES = 256 * 1024
"""Room for at least so much is given to each read of the socket."""

SPARE = 16
"""Bytes behind a block, so that a value that is NULL can be looked for where none is."""

_SIZE = struct.Struct("<I")
_HEAD = struct.Struct("<IB")
_PREPARED = struct.Struct("<xIHH")
_DEFINITION = struct.Struct("<2x4xBHB2x")
UNSIGNED, NOT_NULL = 32, 1


@dataclass(frozen=True)
class WireColumn:
    """A column of a result, as its definition says. ``decimals`` are the digits of a second's fraction."""

    type: int
    is_unsigned: bool
    is_not_null: bool
    decimals: int


@dataclass(frozen=True)
class Block:
    """Some rows: their bytes with ``SPARE`` more behind, and where in them each row's packet begins."""

    data: bytearray
    starts: list[int]


class WireResult:
    """One query's rows. Raises the driver's OperationalError."""

    def __init__(self, connection: Connection, statement: str, *, timeout: float, block_bytes: int) -> None:
        """Run the query and read what its columns are. ``timeout`` is of one wait, in seconds."""
        self._block_bytes = block_bytes
        self._buffer = bytearray(block_bytes + RECEIVED_BYTES + SPARE)
        self._position = self._used = 0
        self._ended = False
        self._number: int | None = None
        self._socket = socket_of(connection)
        self._socket.settimeout(timeout)
        try:
            self.columns = self._begin(statement)
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[Block]:
        """The rows, once, in blocks of about ``block_bytes``, or of one row that is longer."""
        while not self._ended:
            starts: list[int] = []
            self._walk(starts)
            while not self._ended and (not starts or self._used < self._block_bytes):
                self._receive()
                self._walk(starts)
            data, rest = self._buffer, self._used - self._position
            room = max(self._block_bytes, 2 * rest) + RECEIVED_BYTES + SPARE
            self._buffer = bytearray(room)
            self._buffer[:rest] = data[self._position : self._used]
            self._position, self._used = 0, rest
            if starts:
                yield Block(data, starts)

    def close(self) -> None:
        """Let go of the statement and the socket; where rows are left, the connection is of no more use."""
        with suppress(OSError, OperationalError):
            if not self._ended:
                self._socket.shutdown(socket.SHUT_RDWR)
            elif self._number is not None:
                self._send(struct.pack("<BI", CLOSE, self._number))
            self._socket.settimeout(None)
        self._socket.close()

    def _begin(self, statement: str) -> list[WireColumn]:
        self._send(bytes([PREPARE]) + statement.encode())
        self._number, width, _ = _PREPARED.unpack_from(self._packet())
        # Sent before the answer is read to its end, which without it would not say where that is.
        self._send(struct.pack("<BIBI", EXECUTE, self._number, 0, 1))
        columns = [_column(self._packet()) for _ in range(width)]
        packet = self._packet()
        ends_are_sent = packet[0] == END and len(packet) < END_BYTES
        if ends_are_sent:
            packet = self._packet()
        count = 1 if packet[0] < 251 else 3
        # MariaDB says behind the count whether it describes the columns again.
        if len(packet) == count or packet[count]:
            columns = [_column(self._packet()) for _ in range(width)]
        if ends_are_sent:
            self._packet()
        return columns

    def _walk(self, starts: list[int]) -> None:
        """Add the rows that are there whole, from the position on; the position is then behind them."""
        position, used, buffer, head_at = self._position, self._used, self._buffer, _HEAD.unpack_from
        add = starts.append
        # A header, and the byte behind it: the buffer is longer than what was received.
        while (start := position + HEADER) <= used:
            size, first = head_at(buffer, position)
            end = start + (size & FULL)
            if end > used:
                break
            if first:
                self._position, self._used = position, used
                self._finish(self._packet())
                return
            if end - start == FULL:
                joined = self._joined(start)
                if joined is None:
                    break
                end, used = joined
            add(start)
            position = end
        self._position, self._used = position, used

    def _joined(self, start: int) -> tuple[int, int] | None:
        """Make one packet of one that goes on, by taking out the headers; None while a part is missing.

        Gives where it ends then, and where the bytes received do.
        """
        headers: list[int] = []
        size, end = FULL, start + FULL
        while size == FULL:
            if end + HEADER > self._used:
                return None
            size = _SIZE.unpack_from(self._buffer, end)[0] & FULL
            headers.append(end)
            end += HEADER + size
            if end > self._used:
                return None
        for header in reversed(headers):
            del self._buffer[header : header + HEADER]
        taken = HEADER * len(headers)
        self._used -= taken
        return end - taken, self._used

    def _finish(self, packet: bytes) -> None:
        """Raises OperationalError when what stands after the rows is no end of them."""
        if packet[0] != END:
            raise OperationalError(LOST, "The server sent what is neither a row nor an end of rows")
        self._ended = True

    def _packet(self) -> bytes:
        """The next packet, whole. Raises OperationalError for one that tells an error."""
        while True:
            start = self._position + HEADER
            if start <= self._used:
                end = start + (_SIZE.unpack_from(self._buffer, self._position)[0] & FULL)
                if end <= self._used:
                    break
            self._receive()
        packet = bytes(self._buffer[start:end])
        self._position = end
        if packet[0] == ERROR:
            self._ended = True
            code = int.from_bytes(packet[1:3], "little")
            text = packet[3:].decode(errors="replace")
            # Behind a # stands the SQLSTATE.
            raise OperationalError(code, text[6:] if text.startswith("#") else text)
        return packet

    def _send(self, command: bytes) -> None:
        for first in range(0, len(command) + 1, FULL):
            part = command[first : first + FULL]
            header = len(part).to_bytes(3, "little") + bytes([first // FULL])
            try:
                self._socket.sendall(header + part)
            except OSError as error:
                raise OperationalError(LOST, f"The connection to the server broke off ({error})") from None

    def _receive(self) -> None:
        """Wait for bytes and add them to the buffer, which grows for a row that is longer."""
        if self._used + RECEIVED_BYTES + SPARE > len(self._buffer):
            self._buffer.extend(bytes(max(len(self._buffer) // 2, RECEIVED_BYTES + SPARE)))
        try:
            with memoryview(self._buffer) as view:
                received = self._socket.recv_into(view[self._used : len(view) - SPARE])
        except OSError as error:
            raise OperationalError(LOST, f"The connection to the server broke off ({error})") from None
        if not received:
            raise OperationalError(LOST, "Lost connection to the server during the query")
        self._used += received


def _column(definition: bytes) -> WireColumn:
    """Of a definition, its end alone: what stands before is names, and more of them in newer servers."""
    kind, flags, decimals = _DEFINITION.unpack_from(definition, len(definition) - _DEFINITION.size)
    return WireColumn(kind, bool(flags & UNSIGNED), bool(flags & NOT_NULL), decimals)
