"""Every page of an endpoint, to the true end, by each way of asking for the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from include.headrace.config import apis
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers import rest_answer
from include.headrace.readers.http_exchange import Answer
from include.headrace.readers.rest_links import next_link
from include.headrace.readers.values import shown

MOST_EMPTY = 1000
"""Pages without a record in a row after which an API that names ever more of them is given up."""

Parameters = Mapping[str, str | int]


@dataclass
class Page:
    """One answer and its records, each as its own JSON text, until it is released."""

    answer: Answer
    records: list[msgspec.Raw]

    def release(self) -> None:
        """Let go of the answer's body, so that it is not in memory beside the next page's."""
        self.records = []
        self.answer = replace(self.answer, body=b"")


Ask = Callable[[Parameters], Page]
"""Asks for a page by parameters beside those that every page has."""

Follow = Callable[[Answer, str], Page]
"""Asks for a page by a URL that an answer gave."""


def pages(how: apis.Pagination, ask: Ask, follow: Follow) -> Iterator[Page]:
    """The pages in order, each to be released before the next. Asking goes on only while pages are taken.

    Raises SourceError for an API that does not come to an end, or does not tell what `pagination` says
    it tells; PassingError when it gave another number of records than it told.
    """
    match how:
        case apis.OnePage():
            return iter((ask({}),))
        case apis.PageNumber():
            return _guarded(_numbered(how, ask), unlike=True)
        case apis.Offset():
            return _guarded(_counted(how, ask), unlike=True)
        case apis.PageCursor():
            return _guarded(_by_cursor(how, ask), unlike=False)
        case apis.NextLink():
            return _guarded(_by_link(how, ask, follow), unlike=False)


def _size(how: apis.PageNumber | apis.PageCursor | apis.NextLink) -> dict[str, int]:
    return {how.size_parameter: how.size} if how.size_parameter else {}


def _numbered(how: apis.PageNumber, ask: Ask) -> Iterator[Page]:
    number, told, empty = how.start, 0, 0
    while True:
        page = ask({how.parameter: number, **_size(how)})
        number += 1
        empty = 0 if page.records else empty + 1
        if how.pages is not None:
            told = max(told, rest_answer.whole_number(page.answer, how.pages, "pages") or 0)
        yield page
        if how.pages is not None:
            if number >= how.start + told:
                return
        elif empty == 2:
            # One empty page may stand in the middle; two in a row are taken for the end.
            return


def _counted(how: apis.Offset, ask: Ask) -> Iterator[Page]:
    offset = read = empty = 0
    while True:
        page = ask({how.parameter: offset, how.limit_parameter: how.size})
        read += len(page.records)
        # By what was given, not what was asked for: an API may give less than `size` at a time.
        offset += len(page.records) or how.size
        empty = 0 if page.records else empty + 1
        told = None
        if how.total is not None:
            told = rest_answer.whole_number(page.answer, how.total, "total")
        yield page
        if (told is not None and read >= told) or (empty >= 2 and (told is None or offset >= told)):
            break
    if told is not None and read != told:
        raise PassingError(
            f"{page.answer.url} told of {told} records at `{how.total}`, and gave {read}: some came or went "
            "while they were read. Run again; if it stays so, remove `total` from the source file."
        )


def _by_cursor(how: apis.PageCursor, ask: Ask) -> Iterator[Page]:
    cursor: str | None = None
    seen = Seen()
    while True:
        page = ask({**_size(how), **({} if cursor is None else {how.parameter: cursor})})
        if cursor is None:
            _check_first(how, how.next, page)
        cursor = rest_answer.next_text(page.answer, how.next)
        yield page
        if cursor is None:
            return
        if seen.again(cursor):
            raise SourceError(
                f"{page.answer.url} gives the cursor {shown(cursor)} at `{how.next}` a second time: its "
                "pages have no end. The API is at fault, or `parameter` is not what it takes its cursor in."
            )


def _by_link(how: apis.NextLink, ask: Ask, follow: Follow) -> Iterator[Page]:
    page = ask(_size(how))
    if how.next:
        _check_first(how, how.next, page)
    seen = Seen()
    while True:
        url = rest_answer.next_text(page.answer, how.next) if how.next else _in_header(page.answer)
        yield page
        if url is None:
            return
        if seen.again(url):
            raise SourceError(
                f"{page.answer.url} names the next page {shown(url)} a second time: its pages have no end. "
                "The API is at fault."
            )
        page = follow(page.answer, url)


def _check_first(how: apis.PageCursor | apis.NextLink, path: str, page: Page) -> None:
    """Refuse a full first page without the field that tells the next: a mistyped `next` would end the read.

    A last page may leave the field out, but it is hardly ever the first one and full.
    """
    full = how.size_parameter is not None and len(page.records) >= how.size
    if full and not rest_answer.has(page.answer, path):
        raise SourceError(
            f"{page.answer.url} gave a full page of {len(page.records)} records and has no field `{path}` to "
            "tell the next. Correct `next` in the source file; if these are all the records, raise `size`."
        )


def _in_header(answer: Answer) -> str | None:
    header = answer.headers.get("Link", "")
    try:
        return next_link(header)
    except ValueError:
        raise SourceError(
            f"{answer.url} answered with a Link header that is none: {shown(header)}."
        ) from None


class Seen:
    """Finds that a sequence has begun to repeat, in memory for one of its values.

    Brent's algorithm ("An improved Monte Carlo factorization algorithm", 1980): a value is kept, and
    changed for the present one after 1, 2, 4, 8... steps. A circle is found within about three times the
    steps that lead into it and round it.
    """

    def __init__(self) -> None:
        self._kept: str | None = None
        self._steps = 0
        self._power = 1

    def again(self, value: str) -> bool:
        """True when the value is the one kept."""
        if value == self._kept:
            return True
        self._steps += 1
        if self._kept is None or self._steps == self._power:
            self._kept, self._steps, self._power = value, 0, self._power * 2
        return False


def _guarded(found: Iterator[Page], *, unlike: bool) -> Iterator[Page]:
    """The pages, while they are such as come to an end.

    ``unlike`` says that the API itself does not name the next page. Then a page with the very records of
    the one before it shows that the API does not look at the parameter, or gives its last page again.
    """
    before, empty = b"", 0
    for page in found:
        empty = 0 if page.records else empty + 1
        if empty > MOST_EMPTY:
            raise SourceError(
                f"{page.answer.url} is page {empty} in a row without a record; the API is at fault."
            )
        if unlike and page.records:
            digest = hashlib.blake2b()
            for record in page.records:
                digest.update(record)
            if digest.digest() == before:
                raise SourceError(
                    f"{page.answer.url} gives the very records of the page before. Correct `parameter` of "
                    "`pagination`; if the API repeats its last page, say where it tells how many there are."
                )
            before = digest.digest()
        yield page
