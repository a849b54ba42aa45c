"""Files and answers of which nothing can be trusted, and what the error says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.values.case import Case


@dataclass(frozen=True)
class Given:
    """Files by name, or the answer of an API, and the fields of the table that reads them."""

    files: dict[str, bytes] = field(default_factory=dict)
    answer: bytes = b""
    fields: dict[str, Any] = field(default_factory=dict)


def _csv(what: str, content: bytes, told: str, **fields: Any) -> Case:
    return Case("csv", what, "", "refused", told, given=Given({"cases.csv": content}, fields=fields))


def _json(what: str, content: bytes, told: str, **fields: Any) -> Case:
    return Case("json", what, "", "refused", told, given=Given({"cases.json": content}, fields=fields))


def _api(kind: str, what: str, answer: bytes, told: str) -> Case:
    return Case(kind, what, "", "refused", told, given=Given(answer=answer))


def cases() -> Iterable[Case]:
    wide = "a\n1\n".encode("utf-16-le")
    half = wide + "\ud83d".encode("utf-16-le", "surrogatepass") + "x\n".encode("utf-16-le")
    yield _csv("the header a,a", b"a,a\n1,2\n", "has the column 'a' twice")
    yield _csv("the header a,A", b"a,A\n1,2\n", "'a' and 'A'")
    yield _csv("the header a,", b"a,\n1,2\n", "leaves column 2 without a name")
    yield _csv("no header: an empty file", b"", "is empty; a CSV file has at least a line of column names")
    yield _csv("utf-16 read as utf-8", "a\n1\n".encode("utf-16"), "is not utf-8; correct `encoding`")
    yield _csv("utf-16 with half a surrogate pair", half, "is not utf-16-le", encoding="utf-16-le")
    yield _csv("utf-16 of an odd number of bytes", wide + b"x", "is not utf-16-le", encoding="utf-16-le")
    two = Given({"a.csv": b"a,b\n1,2\n", "b.csv": b"a,c\n1,2\n"})
    told = "Give files of different columns a table each"
    yield Case("csv", "files of different columns", "", "refused", told, given=two)
    broken = b'[{"id": 1}, {"id": tru}, {"id": 2}]'
    yield _json("a list with a value that is no JSON", broken, "cannot be trusted", format="list")
    yield _json("a list that breaks off", b'[{"id": 1}, {"id"', "was cut short", format="list")
    yield _json("a list with something behind it", b"[] []", "something follows the end", format="list")
    twice = b'{"data": [], "data": [{"id": 1}]}'
    told = "for the second time"
    yield _json("an object with the list twice", twice, told, format="list", records="data")
    yield _json("a list read as lines", b'[\n{"id": 1}\n]', "set format to list")
    nan = b'{"data": [{"id": 1, "v": NaN}]}'
    yield _api("rest", "NaN in an answer", nan, "That is not JSON")
    yield _api("rest", "a tab in a string", b'{"data": [{"id": 1, "v": "\t"}]}', "That is not JSON")
    yield _api("rest", "an answer in utf-16", '{"data": []}'.encode("utf-16"), "That is not JSON")
    yield _api("rest", "the list twice", twice, "gives 'data' twice in one object")
    graph = b'{"data": {"items": {"nodes": [{"id": -Infinity}], "pageInfo": {"hasNextPage": false}}}}'
    yield _api("graphql", "-Infinity in an answer", graph, "That is not JSON")


CASES: tuple[Case, ...] = tuple(cases())
