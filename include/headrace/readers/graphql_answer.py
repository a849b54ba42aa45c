"""The answer to a GraphQL query: its errors, and the page of the connection it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from include.headrace.errors import SourceError
from include.headrace.readers import rest_answer
from include.headrace.readers.http_exchange import Answer

PASSING_CODES = frozenset(
    {
        "INTERNAL_SERVER_ERROR",
        "RATE_LIMITED",
        "RATELIMITED",
        "SERVICE_UNAVAILABLE",
        "THROTTLED",
        "TIMEOUT",
        "TOO_MANY_REQUESTS",
    }
)
"""Codes of errors worth asking again, where servers put them: Apollo Server ("Error Handling") and
Shopify ("GraphQL Admin API, Status and error codes") in ``extensions.code``, GitHub ("Rate limits for the
GraphQL API") in ``type``. Any other error says the same the next time."""

MOST_ERRORS = 3
MOST_CHARACTERS = 300
"""How much of an answer's errors an error of ours repeats."""

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _PageInfo(msgspec.Struct):
    has_next: bool = msgspec.field(name="hasNextPage")
    end: str | None = msgspec.field(name="endCursor", default=None)


class _Edge(msgspec.Struct):
    node: msgspec.Raw


_decode_page_info = msgspec.json.Decoder(_PageInfo).decode
_decode_edge = msgspec.json.Decoder(_Edge | None).decode


@dataclass(frozen=True)
class Page:
    """One page of a connection. ``end`` is the cursor that the next page begins after.

    ``records`` are the JSON texts of its nodes, once; a node that is null is ``null``.
    """

    records: Iterator[bytes]
    count: int
    has_next: bool
    end: str | None


@dataclass(frozen=True)
class ToldError:
    """An entry of an answer's ``errors`` (GraphQL specification, October 2021, section 7.1.2)."""

    message: str
    path: str
    code: str

    @property
    def may_pass(self) -> bool:
        """True when asking again may help."""
        return self.code in PASSING_CODES

    def __str__(self) -> str:
        message = self.message[:MOST_CHARACTERS] + "..." * (len(self.message) > MOST_CHARACTERS)
        where = f" at {self.path}" if self.path else ""
        return f"{message!r}{where}" + (f" (code {self.code})" if self.code else "")


def errors(answer: Answer, hidden: Callable[[str], str]) -> list[ToldError]:
    """The errors in a good answer, whether data stands beside them or not.

    ``hidden`` takes secrets out of what the API says.
    """
    try:
        raw = _decode_fields(answer.body).get("errors")
    except msgspec.DecodeError:
        # No object, which reading the page then tells.
        return []
    try:
        found = msgspec.json.decode(raw) if raw is not None else None
    except msgspec.DecodeError:
        found = "errors that cannot be read"
    if not found:
        return []
    return [_told(item, hidden) for item in (found if isinstance(found, list) else [found])]


def _told(item: Any, hidden: Callable[[str], str]) -> ToldError:
    if not isinstance(item, dict):
        return ToldError(hidden(str(item)), "", "")
    path, extensions = item.get("path"), item.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return ToldError(
        message=hidden(str(item.get("message", ""))),
        path=hidden(".".join(map(str, path))) if isinstance(path, list) else "",
        code=hidden(str(code or item.get("type") or "")),
    )


def listed(found: list[ToldError]) -> str:
    """Errors as the end of a sentence: how many, and the first of them."""
    texts = "; ".join(map(str, found[:MOST_ERRORS]))
    more = f"; and {len(found) - MOST_ERRORS} more" if len(found) > MOST_ERRORS else ""
    return f"{len(found)} {'error' if len(found) == 1 else 'errors'}: {texts}{more}"


def page(answer: Answer, path: str) -> Page:
    """The page of the connection at ``path`` below ``data``: its ``nodes``, or the nodes of its ``edges``.

    Raises SourceError, with what is there, when no connection stands there.
    """
    if not answer.body:
        raise SourceError(f"{answer.told()} A query is answered with data; correct `path`.")
    where = f"data.{path}"
    connection = _fields_at(answer.body, where)
    name = "nodes" if "nodes" in connection else "edges"
    items = rest_answer.records(answer, f"{where}.{name}")
    try:
        info = _decode_page_info(connection.get("pageInfo", msgspec.Raw(b"null")))
    except msgspec.ValidationError as error:
        raise SourceError(
            f"{answer.method} {answer.url} gives no pageInfo {{ hasNextPage endCursor }} in `{where}` "
            f"({error}). Ask for it in `query`; if the API has none, it is no cursor connection."
        ) from None
    records = map(bytes, items) if name == "nodes" else _nodes(answer, where, items)
    return Page(records, len(items), info.has_next, info.end)


def _fields_at(body: bytes, path: str) -> dict[str, msgspec.Raw]:
    """The fields of the object at a path; none where no object stands."""
    found: bytes | msgspec.Raw = body
    try:
        for name in path.split("."):
            found = _decode_fields(found).get(name, b"null")
        return _decode_fields(found)
    except msgspec.ValidationError:
        return {}


def _nodes(answer: Answer, where: str, edges: list[msgspec.Raw]) -> Iterator[bytes]:
    for edge in edges:
        try:
            found = _decode_edge(edge)
        except msgspec.ValidationError:
            raise SourceError(
                f"{answer.method} {answer.url} gives an edge without a node in `{where}.edges`; ask for "
                "edges { node { ... } } in `query`."
            ) from None
        yield b"null" if found is None else bytes(found.node)
