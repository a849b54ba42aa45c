"""REST APIs: the pages of one endpoint, each record kept as the JSON text that the API wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from include.headrace.config import RestSource, RestTable
from include.headrace.readers import rest_answer
from include.headrace.readers.base import Span
from include.headrace.readers.http_bounds import bounds
from include.headrace.readers.http_client import ApiClient, api_client
from include.headrace.readers.http_exchange import Answer
from include.headrace.readers.http_retry import Clock, Patience
from include.headrace.readers.paged import PagedExtraction
from include.headrace.readers.rest_pages import Page, Parameters, pages


class RestReader:
    """The records of one endpoint."""

    def __init__(
        self,
        source: RestSource,
        table: RestTable,
        *,
        patience: Patience | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._source = source
        self._table = table
        self._patience = patience
        self._clock = clock

    @contextmanager
    def open(self, span: Span) -> Iterator[PagedExtraction]:
        """See ``Reader.open``. The connection is read here; the API is first asked for a page."""
        with api_client(self._source, patience=self._patience, clock=self._clock) as client:
            yield PagedExtraction(self._table, span, _Pages(client, self._table, span))


class _Pages:
    """Asks for the pages of an endpoint, at each call anew."""

    def __init__(self, client: ApiClient, table: RestTable, span: Span) -> None:
        self._client = client
        self._table = table
        self._bounds = bounds(table, span)

    def __call__(self) -> Iterator[Iterator[bytes]]:
        """The records of each page."""
        for page in pages(self._table.pagination, self._ask, self._follow):
            yield map(bytes, page.records)
            page.release()

    def _ask(self, parameters: Parameters) -> Page:
        sent = {**self._table.parameters, **self._bounds, **parameters}
        return self._page(
            self._client.request("GET", self._table.path, parameters=sent, headers=self._table.headers)
        )

    def _follow(self, answer: Answer, url: str) -> Page:
        return self._page(self._client.request("GET", answer.join(url), headers=self._table.headers))

    def _page(self, answer: Answer) -> Page:
        if answer.status == 204:
            return Page(answer, [])
        return Page(answer, rest_answer.records(answer, self._table.records))
