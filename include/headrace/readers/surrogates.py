"""Halves of surrogate pairs, which JSON may write as escapes (RFC 8259, section 8.2) though they are no text.

The parser takes such an answer for one that breaks off. Written as bytes that UTF-8 does not allow, a half
spoils its own record alone.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|u[dD][c-fC-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
"""An escape; of a pair, both halves."""

HALF = len("\\ud800")


def as_bytes(body: bytes) -> bytes:
    """JSON with each escape of half a pair as its three bytes, such as ED A0 80; all else as it is."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _ESCAPE.sub(_half, body)


def as_escapes(record: bytes) -> str | None:
    """JSON from ``as_bytes`` with its escapes again; None for bytes that are no UTF-8 for another reason."""
    try:
        text = record.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return text.encode("utf-8", "backslashreplace").decode()


def _half(found: re.Match[bytes]) -> bytes:
    escape = found[0]
    if len(escape) != HALF:
        return escape
    return chr(int(escape[2:], 16)).encode("utf-8", "surrogatepass")
