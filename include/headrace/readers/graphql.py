"""GraphQL APIs: the pages of one cursor connection, each record kept as the JSON text that the API wrote."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from include.headrace.config import GraphqlSource, GraphqlTable
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers import graphql_answer
from include.headrace.readers.base import Span
from include.headrace.readers.graphql_query import check_query
from include.headrace.readers.http_bounds import bounds
from include.headrace.readers.http_client import ApiClient, api_client
from include.headrace.readers.http_exchange import Answer
from include.headrace.readers.http_retry import Clock, Patience, SystemClock, retry_after
from include.headrace.readers.paged import PagedExtraction
from include.headrace.readers.rest_pages import MOST_EMPTY, Seen
from include.headrace.readers.values import shown

log = logging.getLogger(__name__)


class GraphqlReader:
    """The records of one query."""

    def __init__(
        self,
        source: GraphqlSource,
        table: GraphqlTable,
        *,
        patience: Patience | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._source = source
        self._table = table
        self._patience = patience or Patience()
        self._clock = clock or SystemClock()

    @contextmanager
    def open(self, span: Span) -> Iterator[PagedExtraction]:
        """See ``Reader.open``. The query and the connection are looked at here; the API is first asked
        for a page.

        Raises ConfigError for a query that cannot be read page by page.
        """
        check_query(self._table)
        with api_client(self._source, patience=self._patience, clock=self._clock) as client:
            pages = _Pages(client, self._table, span, self._patience, self._clock)
            yield PagedExtraction(self._table, span, pages)


class _Pages:
    """Asks for the pages of a connection, from the first to the true end, at each call anew."""

    def __init__(
        self, client: ApiClient, table: GraphqlTable, span: Span, patience: Patience, clock: Clock
    ) -> None:
        self._client = client
        self._table = table
        self._variables = {**table.variables, **bounds(table, span), "first": table.size}
        self._patience = patience
        self._clock = clock

    def __call__(self) -> Iterator[Iterator[bytes]]:
        """The records of each page. Asking goes on only while pages are taken.

        Raises SourceError for a connection that does not come to an end, or is none.
        """
        seen, empty, variables = Seen(), 0, self._variables
        while True:
            answer = self._answer(variables)
            page = graphql_answer.page(answer, self._table.records)
            url = answer.url
            # Its body must not be in memory beside the next page's.
            del answer
            yield page.records
            if not page.has_next:
                return
            empty = 0 if page.count else empty + 1
            self._check_goes_on(url, page.end, seen, empty)
            variables = {**self._variables, "after": page.end}

    def _check_goes_on(self, url: str, end: str | None, seen: Seen, empty: int) -> None:
        """Raise SourceError where the next page is not told, or told a second time."""
        where = f"`data.{self._table.records}` of {url}"
        if end is None:
            raise SourceError(
                f"{where} has a next page and no endCursor to ask for it by. Ask for endCursor in `query`; "
                "if it is asked for, the API is at fault."
            )
        if seen.again(end):
            raise SourceError(
                f"{where} gives the endCursor {shown(end)} a second time: its pages have no end. Pass $after "
                "to the connection in `query`; if it is passed, the API is at fault."
            )
        if empty > MOST_EMPTY:
            raise SourceError(f"{where} gives {empty} pages in a row without a record; the API is at fault.")

    def _answer(self, variables: Mapping[str, Any]) -> Answer:
        """A good answer without errors; errors that may pass are waited for.

        Raises SourceError for other errors, with or without data beside them, PassingError when patience
        ends.
        """
        asked = {"query": self._table.query, "variables": variables}
        started, failed = self._clock.monotonic(), 0
        while True:
            answer = self._client.request("POST", self._table.path, json=asked, headers=self._table.headers)
            found = graphql_answer.errors(answer, self._client.hidden)
            if not found:
                return answer
            said = (
                f"{answer.method} {answer.url} answered the query of {self._table.name!r} with "
                f"{graphql_answer.listed(found)}"
            )
            if not all(error.may_pass for error in found):
                raise SourceError(
                    f"{said}. Data beside an error may lack something, so nothing of it is loaded. Correct "
                    "`query` and `variables` in the source file, or what the connection's login may read."
                )
            failed += 1
            asked_wait = retry_after(answer.headers.get("Retry-After"), self._clock.wall())
            elapsed = self._clock.monotonic() - started
            wait = self._patience.wait(failed, asked_wait, elapsed, self._clock)
            if wait is None:
                raise PassingError(
                    f"{said}. It was tried {failed} times in {elapsed:.0f} seconds. If the API is only busy, "
                    "ask for less at a time: `size`, or `requests_per_second` of the source."
                )
            log.info("%s; trying again in %.1f seconds (try %d).", said, wait, failed + 1)
            self._clock.sleep(wait)
