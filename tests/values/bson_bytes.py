"""BSON put together by hand (bsonspec.org), since drivers refuse to write much of what may be stored."""

from __future__ import annotations

import struct


def element(kind: int, name: str | bytes, value: bytes = b"") -> bytes:
    """One element: its type's number, its name, its value."""
    return bytes([kind]) + (name.encode() if isinstance(name, str) else name) + b"\0" + value


def document(*elements: bytes) -> bytes:
    """A document, or an array, of elements."""
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def text(value: str | bytes) -> bytes:
    """The value of a string, code or symbol."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<i", len(data) + 1) + data + b"\0"


def double(value: float) -> bytes:
    return struct.pack("<d", value)


def int32(value: int) -> bytes:
    return struct.pack("<i", value)


def int64(value: int) -> bytes:
    """The value of an int64, and of a date in milliseconds since 1970."""
    return struct.pack("<q", value)


def timestamp(seconds: int, ordinal: int) -> bytes:
    return struct.pack("<II", ordinal, seconds)


def binary(subtype: int, data: bytes) -> bytes:
    return struct.pack("<iB", len(data), subtype) + data


def scoped_code(code: str, scope: bytes) -> bytes:
    inner = text(code) + scope
    return struct.pack("<i", len(inner) + 4) + inner
