"""``GET /v1/observations``: the weather by REST, with four ways to ask for the next page.

An answer is ``{"data": [...], "meta": {...}}``. What is asked for says which way it is:

- ``page`` (from 1) and ``per_page``; ``meta.total_pages`` and ``meta.total`` tell the end;
- ``offset`` and ``limit``; ``meta.total`` tells the end;
- ``cursor``, with ``per_page`` or ``limit``; the first page is asked for without it, and
  ``meta.next_cursor`` is null on the last;
- the URL in the header Link (RFC 8288) with ``rel="next"``, which the last page does not have.

``updated_since`` (inclusive) and ``updated_before`` (exclusive) narrow by ``updatedAt``, which is also the
order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from include.headrace.demo.api.answers import json_answer, problem
from include.headrace.demo.api.paging import MOST_RECORDS, Cursor, part, read_cursor
from include.headrace.demo.api.records import STATION, Observation

FEW_RECORDS = 100
"""The size of a page when none is asked for."""

NAMES = {
    "station",
    "updated_since",
    "updated_before",
    "page",
    "per_page",
    "offset",
    "limit",
    "cursor",
}
SIZES = ("per_page", "limit")
PLACES = ("page", "offset", "cursor")


class Observations:
    """The endpoint over all observations, in order of ``updated_at``."""

    def __init__(self, observations: list[Observation]) -> None:
        self._all = observations
        self._moments = [one.updated_at for one in observations]

    async def __call__(self, request: Request) -> Response:
        """The answer to a request that was let in; 422 for parameters that make no sense."""
        try:
            given = _parameters(request)
            found = self._found(given)
            begin, size = _place(given)
        except ValueError as error:
            return problem(422, "invalid_parameter", str(error))
        page = part(len(found), begin, size, request.scope["faults"])
        following = page.end if page.has_next else None
        meta = {
            "total": len(found),
            "total_pages": -(-len(found) // size),
            "next_cursor": following.text() if following else None,
        }
        data = [msgspec.Raw(one.text) for one in found[page.start : page.stop]]
        headers = {"Link": _links(request, given, size, following)} if following else {}
        return json_answer({"data": data, "meta": meta}, headers=headers)

    def _found(self, given: Mapping[str, str]) -> list[Observation]:
        if given.get("station", STATION) != STATION:
            raise ValueError(f"station {given['station']!r} is not known; the station is {STATION}.")
        since, before = _moment(given, "updated_since"), _moment(given, "updated_before")
        first = 0 if since is None else bisect_left(self._moments, since)
        last = len(self._all) if before is None else bisect_left(self._moments, before)
        return self._all[first:last]


def _parameters(request: Request) -> dict[str, str]:
    pairs = request.query_params.multi_items()
    given = dict(pairs)
    unknown = sorted(set(given) - NAMES)
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: unknown. The parameters are {', '.join(sorted(NAMES))}.")
    if len(pairs) > len(given):
        raise ValueError("A parameter is given twice; give each once.")
    for choices in (SIZES, PLACES):
        both = [name for name in choices if name in given]
        if len(both) > 1:
            raise ValueError(f"{' and '.join(both)} do not go together; give one.")
    if ("page" in given and "limit" in given) or ("offset" in given and "per_page" in given):
        raise ValueError("page goes with per_page, and offset with limit.")
    return given


def _place(given: Mapping[str, str]) -> tuple[Cursor, int]:
    """Where the page begins, and its size."""
    named = next((name for name in SIZES if name in given), None)
    size = _whole(given, named, 1, MOST_RECORDS) if named else FEW_RECORDS
    if "cursor" in given:
        return read_cursor(given["cursor"]), size
    if "offset" in given:
        return Cursor(_whole(given, "offset", 0)), size
    page = _whole(given, "page", 1) if "page" in given else 1
    return Cursor((page - 1) * size), size


def _whole(given: Mapping[str, str], name: str, least: int, most: int = 10**9) -> int:
    text = given[name]
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most):
        raise ValueError(f"{name} is {text!r}; give a whole number from {least} to {most}.")
    return int(text)


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{name} is {text!r}; give a time in ISO 8601, such as 2013-07-01T00:00:00Z."
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _links(request: Request, given: Mapping[str, str], size: int, following: Cursor) -> str:
    """Where the first page and the next one are, asked for as this one was."""
    plain = request.url.remove_query_params(PLACES)
    if "cursor" in given:
        after = plain.include_query_params(cursor=following.text())
    elif "offset" in given or "limit" in given:
        after = plain.include_query_params(offset=following.offset)
    else:
        after = plain.include_query_params(page=following.offset // size + 1)
    return f'<{plain}>; rel="first", <{after}>; rel="next"'
