"""REST APIs: the pages of one endpoint, each record kept as the JSON text that the API wrote."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from include.headrace import settings
from include.headrace.config import RestSource, RestTable
from include.headrace.readers import rest_answer
from include.headrace.readers.base import TARGET_BATCH_BYTES, Piece, Rejected, Span
from include.headrace.readers.documents import DocumentRows
from include.headrace.readers.http_bounds import bounds
from include.headrace.readers.http_client import ApiClient, api_client
from include.headrace.readers.http_exchange import Answer
from include.headrace.readers.http_retry import Clock, Patience
from include.headrace.readers.narrowing import Block, Narrowing
from include.headrace.readers.rest_pages import Page, Parameters, pages

BLOCK_BYTES = TARGET_BATCH_BYTES // 4
NOT_UTF8 = "the record is not UTF-8"


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
    def open(self, span: Span) -> Iterator[RestExtraction]:
        """See ``Reader.open``. The connection is read here; the API is first asked for a page."""
        with api_client(self._source, patience=self._patience, clock=self._clock) as client:
            yield RestExtraction(client, self._table, span)


@dataclass
class _Texts:
    """Records on their way into a block, from one page or several."""

    texts: list[str] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    size: int = 0
    starts: list[int] = field(default_factory=list)
    """The row at which each run of records of one page begins."""
    origins: list[tuple[int, int]] = field(default_factory=list)
    """The page of each run and the number of its first record there, both from 1."""

    def add(self, raw: bytes, page: int, record: int) -> None:
        if not self.origins or self.origins[-1][0] != page:
            self.starts.append(len(self.texts))
            self.origins.append((page, record))
        try:
            text = raw.decode().strip()
        except UnicodeDecodeError:
            self.faults[len(self.texts)] = NOT_UTF8
            text = raw.decode("utf-8", "backslashreplace").strip()
        self.texts.append(text)
        self.size += len(raw)

    def position(self, row: int) -> str:
        run = bisect_right(self.starts, row) - 1
        page, first = self.origins[run]
        return f"page {page} record {first + row - self.starts[run]}"


class RestExtraction:
    """An open read of one endpoint."""

    def __init__(self, client: ApiClient, table: RestTable, span: Span) -> None:
        self._client = client
        self._table = table
        self._rows = DocumentRows(table)
        self.schema = self._rows.schema
        self._narrowing = Narrowing(table, span, self.schema)
        self._bounds = bounds(table, span)
        # A prototype's read ends with its limit: no page is gathered beyond it.
        self._most = table.limit if not settings.is_prod() else None

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is ``page N record M``, both from 1, in order of asking."""
        return self._narrowing.pieces(self._blocks)

    def _blocks(self) -> Iterator[Block]:
        first = 0
        gathered = _Texts()
        for number, page in enumerate(pages(self._table.pagination, self._ask, self._follow), 1):
            # Not by a name of its own: that would hold the body while the next page is asked for.
            for record in range(len(page.records)):
                gathered.add(bytes(page.records[record]), number, record + 1)
                if gathered.size >= BLOCK_BYTES or len(gathered.texts) == self._most:
                    yield self._block(gathered, first)
                    first += len(gathered.texts)
                    gathered = _Texts()
            page.release()
        yield self._block(gathered, first)

    def _block(self, gathered: _Texts, first: int) -> Block:
        rows, faults = self._rows.convert(gathered.texts)
        faults = {**self._narrowing.without_cursor(rows), **faults, **gathered.faults}

        def reject(row: int, reason: str) -> Rejected:
            return Rejected(gathered.position(row), reason, gathered.texts[row])

        return Block(self._table.path, first, rows, faults, reject)

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
