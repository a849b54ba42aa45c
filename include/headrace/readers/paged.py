"""Records of an API that come in pages: gathered into blocks of bounded size, narrowed, set aside."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from include.headrace import settings
from include.headrace.config import ApiTable
from include.headrace.readers import surrogates
from include.headrace.readers.base import TARGET_BATCH_BYTES, Piece, Rejected, Span
from include.headrace.readers.documents import DocumentRows
from include.headrace.readers.narrowing import Block, Narrowing

BLOCK_BYTES = TARGET_BATCH_BYTES // 4
"""How many bytes of JSON one block has: small pages are put together, large ones parted."""

NOT_UTF8 = "the record is not UTF-8"

Pages = Callable[[], Iterable[Iterable[bytes]]]
"""The records of page after page, each as its own JSON text; asked for anew at each call.

A record is a copy, not a part of its page, which may go once its records are taken."""


class PagedExtraction:
    """An open read of a table whose records come in pages."""

    def __init__(self, table: ApiTable, span: Span, pages: Pages) -> None:
        """Raises SourceError for bounds that are not of the cursor's type, and an `exclude` of the key."""
        self._name = table.name
        self._pages = pages
        self._rows = DocumentRows(table)
        self.schema = self._rows.schema
        self._narrowing = Narrowing(table, span, self.schema)
        # A prototype's read ends with its limit: no page is gathered beyond it.
        self._most = None if settings.is_prod() else table.limit

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is ``page N record M``, both from 1, in order of asking."""
        return self._narrowing.pieces(self._blocks)

    def _blocks(self) -> Iterator[Block]:
        first = 0
        gathered = _Gathered()
        for page in self._pages():
            gathered.begin_page()
            for record in page:
                gathered.add(record)
                if gathered.size >= BLOCK_BYTES or len(gathered.texts) == self._most:
                    yield self._block(gathered, first)
                    first += len(gathered.texts)
                    gathered = gathered.rest()
        yield self._block(gathered, first)

    def _block(self, gathered: _Gathered, first: int) -> Block:
        rows, faults = self._rows.convert(gathered.texts)
        faults = {**self._narrowing.without_cursor(rows), **faults, **gathered.faults}

        def reject(row: int, reason: str) -> Rejected:
            return Rejected(gathered.position(row), reason, gathered.texts[row])

        return Block(self._name, first, rows, faults, reject)


class _Gathered:
    """Records on their way into a block, from one page or several."""

    def __init__(self, page: int = 0, taken: int = 0) -> None:
        """``taken`` records of the page ``page`` (from 1) are in blocks before this one."""
        self.texts: list[str] = []
        self.faults: dict[int, str] = {}
        self.size = 0
        self._page = page
        # The first row of each page in this block, and the number of that record in its page less one.
        self._rows = [0]
        self._taken = [taken]

    def begin_page(self) -> None:
        """What is added from now on is of the next page."""
        self._page += 1
        self._rows.append(len(self.texts))
        self._taken.append(0)

    def add(self, record: bytes) -> None:
        """Add the page's next record."""
        try:
            text = record.decode()
        except UnicodeDecodeError:
            # Half of a surrogate pair is found, and told, with what else no VARIANT holds.
            found = surrogates.as_escapes(record)
            if found is None:
                self.faults[len(self.texts)] = NOT_UTF8
            text = record.decode("utf-8", "backslashreplace") if found is None else found
        self.texts.append(text.strip())
        self.size += len(record)

    def rest(self) -> _Gathered:
        """What the page's further records go into when this block is full."""
        return _Gathered(self._page, self._taken[-1] + len(self.texts) - self._rows[-1])

    def position(self, row: int) -> str:
        """Where a row of this block stood."""
        run = bisect_right(self._rows, row) - 1
        page = self._page - (len(self._rows) - 1 - run)
        return f"page {page} record {self._taken[run] + row - self._rows[run] + 1}"
