"""The records of a CSV stream: where each begins and ends, what it holds, and what is wrong with it.

RFC 4180 with three liberties: any one character parts fields, a line ends with CR LF, LF or CR, and
a quote inside an unquoted field stands for itself. A blank line is no record unless there is only
one column.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from include.headrace.errors import SourceError

BLOCK_BYTES = 4 * 1024 * 1024
MAX_RECORD_BYTES = 32 * 1024 * 1024
"""Longest record that is waited for. Longer ones come of a quote that is never closed."""

BOM = codecs.BOM_UTF8
QUOTE, LF, CR = b'"'[0], b"\n"[0], b"\r"[0]

_ESCAPED = re.compile(b"\xed[\xb2\xb3][\x80-\xbf]")
"""A byte that an encoding does not know, as ``utf8_chunks`` passes it on (PEP 383, in UTF-8)."""


def utf8_chunks(handle: BinaryIO, encoding: str, path: str) -> Iterator[bytes]:
    """The stream as UTF-8, without its byte order mark, in chunks of about 4 MB.

    Bytes that the encoding does not know become bytes that are no UTF-8 either, so that only the
    records that hold them are set aside. Raises SourceError where the encoding loses its way.
    """
    plain = _is_utf8(encoding)
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    first = True
    while True:
        chunk = handle.read(BLOCK_BYTES)
        last = not chunk
        if not plain:
            try:
                chunk = decoder.decode(chunk, final=last).encode("utf-8", "surrogatepass")
            except UnicodeError as error:
                raise SourceError(f"{path} is not {encoding}: {error}. Correct `encoding`.") from None
        if first and chunk:
            chunk, first = chunk.removeprefix(BOM), False
        if chunk:
            yield chunk
        if last:
            return


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def shown_bytes(data: bytes, encoding: str) -> str:
    """What ``utf8_chunks`` made of some bytes as text; each that the encoding does not know is ``\\xNN``."""
    if not _is_utf8(encoding):
        data = _ESCAPED.sub(
            lambda found: b"\\x%02x" % (ord(found[0].decode(errors="surrogatepass")) & 0xFF), data
        )
    return data.decode("utf-8", "backslashreplace")


def line_count(data: bytes) -> int:
    """How many line ends there are in ``data``; CR LF is one."""
    lines = data.count(b"\n")
    return lines + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else lines


@dataclass(frozen=True)
class Cut:
    """Whole records: ``data``, the number of its first line, and whether a lenient parser is safe.

    ``regular`` says that every quote in it either opens, closes or escapes within a quoted field.
    """

    data: bytes
    line: int
    regular: bool


@dataclass(frozen=True)
class Record:
    """One record: its bytes in the block, its first line, and its fields or what is wrong with it.

    A field is its text and whether it was quoted.
    """

    start: int
    end: int
    line: int
    fields: tuple[tuple[bytes, bool], ...]
    fault: str | None


class Grammar:
    """How the fields of one kind of CSV are parted. ``delimiter`` is one character."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self._last_byte = delimiter.encode()[-1]
        mark = re.escape(delimiter.encode())
        # A quoted field takes all up to its closing quote, and what wrongly follows that; an unquoted field
        # takes all up to the delimiter or the line's end. No group with a choice is repeated possessively:
        # Python before 3.11.5, which Debian 12 has, goes on at a wrong place (python/cpython#100061).
        plain = rb"[^" + mark + rb"\r\n]*+"
        if len(delimiter.encode()) > 1:
            plain = rb"[^\r\n]*?"
        quoted = rb'"([^"]*+(?:""[^"]*+)*+)"'
        self._field = re.compile(
            rb"(?:" + quoted + rb"(" + plain + rb')|((?!")' + plain + rb"))(" + mark + rb"|\r\n|\n|\r|\Z)"
        )

    def records(self, data: bytes, line: int, *, final: bool) -> Iterator[Record]:
        """The records of ``data``, which begins with one. The last may be unfinished.

        Unless ``final``, a record that reaches the end of ``data`` is not given: more may follow.
        """
        start = 0
        while start < len(data):
            record = self._record(data, start, line)
            cut = record.end == len(data) and (record.fault is not None or not data.endswith(b"\n"))
            if cut and not final:
                return
            yield record
            line += line_count(data[start : record.end])
            start = record.end

    def _record(self, data: bytes, start: int, line: int) -> Record:
        fields: list[tuple[bytes, bool]] = []
        fault = None
        at = start
        while True:
            found = self._field.match(data, at)
            if found is None:
                at_line = line + line_count(data[start:at])
                reason = f"the quote opened on line {at_line} is never closed"
                return Record(start, len(data), line, (), fault or reason)
            quoted, after, plain, end = found.groups()
            if after:
                fault = fault or f"text follows the closing quote of field {len(fields) + 1}"
            if quoted is None:
                fields.append((plain, False))
            else:
                fields.append((quoted.replace(b'""', b'"'), True))
            at = found.end()
            if end in (b"\n", b"\r\n", b"\r", b""):
                return Record(start, at, line, tuple(fields), fault)

    def boundary(self, data: bytes, *, final: bool) -> tuple[int, bool]:
        """Where the last whole record of ``data`` ends, and whether the data up to there is regular.

        0 when no record is whole yet. Only for irregular data is each record looked at.
        """
        array = np.frombuffer(data, dtype=np.uint8)
        quotes = np.flatnonzero(array == QUOTE) if b'"' in data else np.array([], dtype=np.intp)
        if len(self.delimiter.encode()) > 1 or not self._regular(array, quotes):
            end = 0
            for record in self.records(data, 1, final=final):
                end = record.end
            return end, False
        if final:
            return len(data), len(quotes) % 2 == 0
        # A CR at the very end may be the first half of CR LF.
        upto = len(data) - data.endswith(b"\r")
        while True:
            last = max(data.rfind(b"\n", 0, upto), data.rfind(b"\r", 0, upto))
            if last < 0:
                return 0, True
            if np.searchsorted(quotes, last) % 2 == 0:
                return last + 1, True
            upto = last

    def _regular(self, array: npt.NDArray[np.uint8], quotes: npt.NDArray[np.intp]) -> bool:
        """True when every second quote opens a field or follows its twin, and the others end one."""
        before = array[quotes[0::2] - 1]
        opening = np.isin(before, [self._last_byte, LF, CR, QUOTE])
        if len(opening) and quotes[0] == 0:
            opening[0] = True
        closes = quotes[1::2]
        closes = closes[closes < len(array) - 1]
        closing = np.isin(array[closes + 1], [self._last_byte, LF, CR, QUOTE])
        return bool(opening.all() and closing.all())

    def blocks(self, chunks: Iterator[bytes], path: str) -> Iterator[Cut]:
        """The stream cut between records. Raises SourceError for a record longer than 32 MB."""
        held = b""
        line = 1
        for chunk in chunks:
            held += chunk
            end, regular = self.boundary(held, final=False)
            if end:
                data, held = held[:end], held[end:]
                yield Cut(data, line, regular)
                line += line_count(data)
            elif len(held) > MAX_RECORD_BYTES:
                raise SourceError(
                    f"The record that begins at {path}:{line} does not end within {MAX_RECORD_BYTES} bytes; "
                    "it has a quote that is never closed."
                )
        if held:
            yield Cut(held, line, self.boundary(held, final=True)[1])
