"""Values within a JSON answer, found by their dotted path and kept as the text that the API wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from include.headrace.errors import SourceError
from include.headrace.readers.http_exchange import Answer
from include.headrace.readers.json_stream import JsonStream
from include.headrace.readers.values import shown

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode

MOST_NAMES = 20
"""How many fields an error lists."""


def records(answer: Answer, path: str | None) -> list[msgspec.Raw]:
    """The list of records at ``path``, each as its own JSON text; without a path, the answer is the list.

    The texts are views of the answer's body. Raises SourceError, with what is there, when it is no list.
    """
    found = _at(answer, path)
    try:
        return _decode_items(found)
    except msgspec.ValidationError:
        where = f"at `{path}`" if path else "in the answer itself"
        raise SourceError(
            f"{answer.method} {answer.url} gives no list {where}, but {_kind(found)}. Correct `records` in "
            "the source file."
        ) from None


def whole_number(answer: Answer, path: str, field: str) -> int | None:
    """The count at ``path``; None where the answer is empty (status 204).

    ``field`` is what names the path in the source file. Raises SourceError, with what is there, when it
    is no whole number.
    """
    if not answer.body:
        return None
    found = _at(answer, path, field)
    text = bytes(found).strip(b' \t\r\n"').decode("ascii", "replace")
    if not text.isdigit():
        raise SourceError(
            f"{answer.method} {answer.url} gives no count at `{path}`, but {_kind(found)}. Correct "
            f"`{field}` in the source file."
        )
    return int(text)


def next_text(answer: Answer, path: str) -> str | None:
    """The cursor or URL at ``path``; None where nothing, null, false or an empty text stands.

    Raises SourceError for an object or a list.
    """
    found = answer.body or b"null"
    for name in path.split("."):
        fields = _fields(found)
        found = b"null" if fields is None or name not in fields else bytes(fields[name]).strip()
    if found in (b"null", b"false", b'""'):
        return None
    if found[:1] in (b"{", b"["):
        raise SourceError(
            f"{answer.method} {answer.url} gives {_kind(found)} at `{path}`, where the next page should be "
            "told. Correct `next` in the source file."
        )
    return str(json.loads(found)) if found[:1] == b'"' else found.decode()


def has(answer: Answer, path: str) -> bool:
    """True when something stands at ``path``, be it null."""
    found: bytes | msgspec.Raw = answer.body
    for name in path.split("."):
        fields = _fields(found)
        if fields is None or name not in fields:
            return False
        found = fields[name]
    return True


def _at(answer: Answer, path: str | None, field: str = "records") -> bytes | msgspec.Raw:
    found: bytes | msgspec.Raw = answer.body
    passed = ""
    for name in path.split(".") if path else ():
        fields = _fields(found)
        if fields is None or name not in fields:
            where = f"`{passed}`" if passed else "the answer"
            raise SourceError(
                f"{answer.method} {answer.url} gives nothing at `{path}`: {where} is {_kind(found)}. Correct "
                f"`{field}` in the source file."
            )
        if bytes(found).count(json.dumps(name).encode()) > 1 and _twice(found, name, answer.url):
            raise SourceError(
                f"{answer.method} {answer.url} gives {name!r} twice in one object, where `{path}` leads; "
                "only one would be read. The API is at fault."
            )
        # A view, not a copy: the list of records may be most of a large answer.
        found, passed = fields[name], f"{passed}.{name}" if passed else name
    return found


def _twice(raw: bytes | msgspec.Raw, name: str, url: str) -> bool:
    """True when an object has a key twice, of which the parser keeps the last."""
    stream = JsonStream([bytes(raw)], url)
    stream.take("{")
    seen = 0
    while True:
        stream.next()
        seen += json.loads(stream.value()) == name
        stream.take(":")
        stream.skip()
        if stream.take(",}") == "}":
            return seen > 1


def _fields(raw: bytes | msgspec.Raw) -> Mapping[str, msgspec.Raw] | None:
    try:
        return _decode_fields(raw)
    except msgspec.ValidationError:
        return None


def _kind(raw: bytes | msgspec.Raw) -> str:
    """What a value is, as an error says it."""
    fields = _fields(raw)
    if fields is not None:
        names = [shown(name) for name in list(fields)[:MOST_NAMES]]
        more = ", ..." if len(fields) > MOST_NAMES else ""
        return f"an object of {', '.join(names)}{more}" if names else "an object without fields"
    text = bytes(raw).lstrip()
    return "a list" if text[:1] == b"[" else shown(text[:200].decode("utf-8", "replace").rstrip())
