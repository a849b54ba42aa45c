"""A stream of JSON, read value by value without parsing what the values hold."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from include.headrace.errors import SourceError
from include.headrace.readers.json_lines import BLANK, MAX_DOCUMENT_BYTES

STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
CLOSING = {"{": "}", "[": "]"}

_string = re.compile(STRING, re.DOTALL)
# No choice is repeated possessively: Python before 3.11.5, which Debian 12 has, then matches wrongly
# (python/cpython#106052).
_to_bracket = re.compile(rf'[^"\[\]{{}}]*+(?:{STRING}[^"\[\]{{}}]*+)*+[\[\]{{}}]', re.DOTALL)
_blank = re.compile(f"[{BLANK}]*+")
_word = re.compile(rf'[^{BLANK},:"\[\]{{}}]++')


class JsonStream:
    """A position in a stream of UTF-8. Bytes that are no UTF-8 become lone surrogates.

    Values must be balanced: every bracket is closed by its own kind, every string by a quote. Raises
    SourceError, with the place, where they are not, where the stream ends too early, and for a value
    longer than 32 million characters.
    """

    def __init__(self, chunks: Iterable[bytes], path: str) -> None:
        self._path = path
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""
        self._at = 0
        self._dropped = 0
        self._ended = False

    def fault(self, what: str) -> SourceError:
        """The error that ``what`` is wrong at this place."""
        return SourceError(f"{self._path}, character {self._dropped + self._at + 1}: {what}.")

    def next(self) -> str:
        """The next character that is no white space, not taken yet. Empty at the stream's end."""
        while True:
            found = _blank.match(self._held, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def take(self, expected: str) -> str:
        """Take the next character, which is one of ``expected``."""
        found = self.next()
        if not found:
            raise self._cut_short()
        if found not in expected:
            wanted = " or ".join(map(repr, expected))
            raise self.fault(f"{found!r} stands where {wanted} was expected")
        self._at += 1
        return found

    def value(self) -> str:
        """Take the next value; its text."""
        first = self.next()
        if first in CLOSING:
            open_brackets: list[str] = []
            length = self._bracket(0, open_brackets)
            while open_brackets:
                length = self._bracket(length, open_brackets)
        else:
            length = self._scalar(first)
        text = self._held[self._at : self._at + length]
        self._at += length
        return text

    def skip(self) -> None:
        """Pass the next value, of any length."""
        first = self.next()
        if first not in CLOSING:
            self._pass(self._scalar(first))
            return
        open_brackets: list[str] = []
        self._pass(self._bracket(0, open_brackets))
        while open_brackets:
            self._pass(self._bracket(0, open_brackets))

    def _pass(self, length: int) -> None:
        # Not `self._at += self._scalar(...)`: that would add to the place before the call moved it.
        self._at += length

    def _bracket(self, offset: int, open_brackets: list[str]) -> int:
        """Where the next bracket ends, seen from here as ``offset`` is; it is opened or closed."""
        end = self._end(_to_bracket, offset)
        bracket = self._held[self._at + end - 1]
        if bracket in CLOSING:
            open_brackets.append(CLOSING[bracket])
        elif open_brackets.pop() != bracket:
            self._at += end - 1
            raise self.fault(f"{bracket!r} closes nothing that is open here")
        return end

    def _scalar(self, first: str) -> int:
        if not first:
            raise self._cut_short()
        if first == '"':
            return self._end(_string, 0)
        found = _word.match(self._held, self._at)
        if found is None:
            raise self.fault(f"{first!r} stands where a value was expected")
        # The word may go on in the next chunk.
        while found.end() == len(self._held) and self._more():
            found = _word.match(self._held, self._at)
            assert found is not None
        return found.end() - self._at

    def _end(self, pattern: re.Pattern[str], offset: int) -> int:
        """Where a match of ``pattern`` at ``offset`` ends. Both are counted from here."""
        while True:
            found = pattern.match(self._held, self._at + offset)
            if found is not None:
                return found.end() - self._at
            if not self._more():
                raise self._cut_short()

    def _more(self) -> bool:
        """Hold some characters more, and none that were taken. False at the stream's end."""
        if len(self._held) - self._at > MAX_DOCUMENT_BYTES:
            raise self.fault(f"what begins here does not end within {MAX_DOCUMENT_BYTES} characters")
        text = ""
        while not text and not self._ended:
            chunk = next(self._chunks, b"")
            self._ended = not chunk
            text = self._decoder.decode(chunk, final=self._ended)
        self._dropped += self._at
        self._held = self._held[self._at :] + text
        self._at = 0
        return bool(text)

    def _cut_short(self) -> SourceError:
        return self.fault("the file ends in the middle of what begins here; it was cut short or is no JSON")
