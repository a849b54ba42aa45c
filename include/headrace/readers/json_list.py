"""The elements of one long list in a JSON stream, each as its own text, in bounded memory.

The list is never held, and nothing is parsed: elements are cut out of the stream by their brackets and
strings. Whether an element's text is JSON is for others to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from include.headrace.readers.json_lines import BLOCK_DOCUMENTS, Documents
from include.headrace.readers.json_stream import JsonStream

BLOCK_CHARACTERS = 4 * 1024 * 1024
NAMED = 30
"""How many of an object's keys an error repeats."""


def elements(chunks: Iterable[bytes], records: str | None, path: str) -> Iterator[Documents]:
    """The elements of the list at ``records``, such as data.items, or of the stream's value itself.

    Everything up to the stream's end is read, so that a file that was cut short is found. Raises
    SourceError where the stream is no JSON, where there is no list, and for an element longer than
    32 million characters.
    """
    stream = JsonStream(chunks, path)
    numbers: list[int] = []
    texts: list[str] = []
    size = 0
    for number, text in enumerate(_list_at(stream, records.split(".") if records else []), 1):
        numbers.append(number)
        texts.append(text)
        size += len(text)
        if size >= BLOCK_CHARACTERS or len(texts) == BLOCK_DOCUMENTS:
            yield Documents(numbers, texts)
            numbers, texts, size = [], [], 0
    if texts:
        yield Documents(numbers, texts)
    if stream.next():
        raise stream.fault("something follows the end of the value")


def _list_at(stream: JsonStream, names: list[str]) -> Iterator[str]:
    """The elements of the list below ``names`` in the value that comes next. All of the value is passed."""
    if not names:
        yield from _items(stream)
        return
    wanted, *below = names
    found = False
    others: list[str] = []
    for key in _keys(stream, wanted):
        if key != wanted:
            stream.skip()
            others = [*others, key][:NAMED]
            continue
        if found:
            raise stream.fault(f"{wanted!r} stands in one object for the second time")
        found = True
        yield from _list_at(stream, below)
    if not found:
        raise stream.fault(
            f"the object that ends here has no {wanted!r} but {', '.join(others) or 'nothing'}; correct "
            "`records` in the source file"
        )


def _items(stream: JsonStream) -> Iterator[str]:
    if stream.next() != "[":
        raise stream.fault("no list begins here; correct `records` in the source file")
    stream.take("[")
    if stream.next() == "]":
        stream.take("]")
        return
    while True:
        yield stream.value()
        if stream.take(",]") == "]":
            return


def _keys(stream: JsonStream, wanted: str) -> Iterator[str]:
    """The keys of the object that comes next. Whoever is given one takes its value."""
    if stream.next() != "{":
        raise stream.fault(f"no object with {wanted!r} begins here; correct `records` in the source file")
    stream.take("{")
    if stream.next() == "}":
        stream.take("}")
        return
    while True:
        if stream.next() != '"':
            raise stream.fault("a key was expected")
        try:
            key = json.loads(stream.value())
        except ValueError as error:
            raise stream.fault(f"a key is no JSON ({error})") from None
        stream.take(":")
        yield key
        if stream.take(",}") == "}":
            return
