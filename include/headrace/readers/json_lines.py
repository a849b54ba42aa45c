"""The lines of an NDJSON stream, in blocks of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from include.headrace.errors import SourceError

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
"""Longest document that is waited for: twice the largest of MongoDB (16 MB). A longer line comes of a
file that is no NDJSON."""

BLOCK_DOCUMENTS = 20_000
"""Most documents of a block: small ones take far more memory as Python strings than as bytes."""

BLANK = " \t\r\n"
"""JSON's white space (RFC 8259, section 2)."""


@dataclass(frozen=True)
class Documents:
    """Some documents: where each stands in its file (a line or an ordinal, from 1) and its text.

    Bytes that are no text of the file's encoding are in it as lone surrogates.
    """

    numbers: list[int]
    texts: list[str]


def lines(chunks: Iterable[bytes], path: str) -> Iterator[Documents]:
    """The lines of a stream of UTF-8 that are not blank.

    Raises SourceError for a line longer than 32 MB, and for a file that begins with a list: its
    lines are no documents.
    """
    held = b""
    line = 1
    for chunk in chunks:
        held += chunk
        end = held.rfind(b"\n") + 1
        if end:
            yield from _documents(held[:end], line, path)
            line += held.count(b"\n", 0, end)
            held = held[end:]
        if len(held) > MAX_DOCUMENT_BYTES:
            raise SourceError(
                f"The line that begins at {path}:{line} does not end within {MAX_DOCUMENT_BYTES} bytes. Is "
                "the file one JSON value? Then set format to list."
            )
    if held:
        yield from _documents(held, line, path)


def _documents(data: bytes, first: int, path: str) -> Iterator[Documents]:
    numbers: list[int] = []
    texts: list[str] = []
    # splitlines would also split at characters that JSON strings may hold.
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), first):
        text = line.strip(BLANK)
        if not text:
            continue
        if number == 1 and text.startswith("["):
            raise SourceError(f"{path} begins with a list, not with a document; set format to list.")
        numbers.append(number)
        texts.append(text)
        if len(texts) == BLOCK_DOCUMENTS:
            yield Documents(numbers, texts)
            numbers, texts = [], []
    if texts:
        yield Documents(numbers, texts)
