"""Tables and views of PostgreSQL, streamed as Arrow batches out of one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import pyarrow as pa
from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import StatementOptions, dbapi

from include.headrace import settings
from include.headrace.config import PostgresSource, PostgresTable
from include.headrace.errors import SourceError
from include.headrace.names import literal, quote
from include.headrace.readers import postgres_catalog as catalog
from include.headrace.readers.base import TARGET_BATCH_BYTES, Piece, Span
from include.headrace.readers.postgres_connection import connected, statement_error
from include.headrace.readers.postgres_split import WHOLE, Pages, page_ranges
from include.headrace.readers.postgres_stream import PostgresStream
from include.headrace.readers.sql_rows import SqlRows

SNAPSHOT = "set transaction isolation level repeatable read, read only"

SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "search_path": "",
}
"""Settings that decide how PostgreSQL writes values as text, so that no server or role decides it.
The empty search path makes every name in a cast a full one."""

RAW_TEXT = """
select pg_catalog.set_config('client_encoding', 'SQL_ASCII', true)
where pg_catalog.current_setting('server_encoding') = 'SQL_ASCII'
"""
"""A database without an encoding gives its text as it is: asked for UTF-8, it would refuse the whole table
for one text that is none."""

LIMITS = {"lock_timeout": "60s", "statement_timeout": "12h", "idle_in_transaction_session_timeout": "1h"}
"""Set only where the server, the role or the connection has none: a reader must neither queue
behind a lock for ever nor hold back the server's vacuum after its client is gone."""

HASH_BUCKETS = 1_000_000


class PostgresReader:
    """One table or view of a PostgreSQL database."""

    def __init__(self, source: PostgresSource, table: PostgresTable) -> None:
        self._source = source
        self._table = table

    @contextmanager
    def open(self, span: Span) -> Iterator[PostgresExtraction]:
        """See ``Reader.open``. The snapshot is one REPEATABLE READ, READ ONLY transaction.

        Several readers have a connection and a transaction each, all of the first one's snapshot.
        """
        where = f"{self._table.db_schema}.{self._table.name}"
        with ExitStack() as stack:
            connection = stack.enter_context(connected(self._source.connection, self._source.tunnel))
            cursor = stack.enter_context(closing(connection.cursor()))
            try:
                cursor.execute(SNAPSHOT)
                self._settle(cursor, span)
                columns = self._columns(cursor)
                ranges = self._ranges(cursor, span)
                snapshot = _exported(cursor) if len(ranges) > 1 else ""
                # A statement's locks stay to the end of its transaction, and all transactions to the end of
                # the read. They keep what one has begun to read from being rewritten, which would move rows
                # to other pages, before the last has.
                streams = [self._stream(stack, connection, columns, span, ranges[0])]
                for pages in ranges[1:]:
                    connection = stack.enter_context(connected(self._source.connection, self._source.tunnel))
                    with closing(connection.cursor()) as other:
                        other.execute(SNAPSHOT)
                        other.execute(f"set transaction snapshot {literal(snapshot)}")
                        self._settle(other, span)
                    streams.append(self._stream(stack, connection, columns, span, pages))
            except (DriverError, OSError) as error:
                raise statement_error(error, where) from None
            yield PostgresExtraction(self._table, columns, streams)

    def _settle(self, cursor: dbapi.Cursor, span: Span) -> None:
        """Fix the settings of the transaction."""
        values = {**SESSION, **self._bounds(span)}
        for name, value in values.items():
            _set(cursor, name, value)
        cursor.execute(RAW_TEXT)
        for name, value in LIMITS.items():
            cursor.execute(
                "select pg_catalog.set_config(name, $2, true) from pg_catalog.pg_settings "
                "where name = $1 and setting = '0'",
                (name, value),
            )

    def _columns(self, cursor: dbapi.Cursor) -> list[catalog.Carried]:
        """Look the table up in the catalog."""
        table = self._table
        found = catalog.columns_of(cursor, table.db_schema, table.name)
        where = f"{table.db_schema}.{table.name}"
        catalog.check_named(found, where, [table.cursor] if table.cursor else [], "cursor")
        catalog.check_named(found, where, table.primary_key, "primary_key")
        catalog.check_named(found, where, table.exclude, "exclude")
        columns = [catalog.carried(column) for column in found if column.name not in table.exclude]
        if not columns:
            raise SourceError(f"{where} has no columns to read; check `exclude` in the source file.")
        return columns

    def _ranges(self, cursor: dbapi.Cursor, span: Span) -> list[Pages]:
        """What each reader takes. Only reads of the whole table, or a sample of it, are shared.

        What came since the last load, or a prototype's window, is mostly a small part, for which the server
        can use an index on the cursor; a range of pages would have it read the table. A limit is a first
        part in one order.
        """
        table = self._table
        part = span.lower is not None or {"headrace.window", "headrace.limit"} & self._bounds(span).keys()
        if table.readers == 1 or part:
            return [WHOLE]
        return page_ranges(cursor, table.db_schema, table.name, table.readers)

    def _stream(
        self,
        stack: ExitStack,
        connection: dbapi.Connection,
        columns: list[catalog.Carried],
        span: Span,
        pages: Pages,
    ) -> PostgresStream:
        """Prepare the statement that reads some pages, in a transaction that is settled."""
        reading = connection.cursor()
        reading.adbc_statement.set_options(
            **{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(TARGET_BATCH_BYTES // 4)}
        )
        bounds = {"headrace.first": pages.first or None, "headrace.end": pages.end}
        for name, page in bounds.items():
            if page is not None:
                _set(reading, name, f"({page},0)")
        stream = PostgresStream(reading, self._statement(columns, span, pages), pages)
        stack.callback(stream.close)
        return stream

    def _bounds(self, span: Span) -> dict[str, str]:
        """Values of the statement as settings of the transaction, which its text then refers to.

        The driver streams through COPY, and COPY takes no parameters: with parameters it would
        hold the whole result in memory instead.
        """
        table = self._table
        bounds = {"headrace.lower": span.lower, "headrace.upper": span.upper}
        if not settings.is_prod():
            if table.window is not None:
                bounds["headrace.window"] = str(table.window.total_seconds())
            if table.sample is not None:
                bounds["headrace.sample"] = str(round(table.sample * HASH_BUCKETS))
            if table.limit is not None:
                bounds["headrace.limit"] = str(table.limit)
        return {name: value for name, value in bounds.items() if value is not None}

    def _statement(self, columns: list[catalog.Carried], span: Span, pages: Pages) -> str:
        table = self._table
        given = self._bounds(span)
        relation = quote(table.db_schema, table.name)
        listed = ", ".join(f"{column.expression} as {quote(column.column.name)}" for column in columns)
        statement = f"select {listed} from {relation} as headrace_row"
        conditions = self._conditions(columns, span)
        if pages.first:
            conditions.append("ctid >= pg_catalog.current_setting('headrace.first')::pg_catalog.tid")
        if pages.end is not None:
            conditions.append("ctid < pg_catalog.current_setting('headrace.end')::pg_catalog.tid")
        if "headrace.sample" in given:
            conditions.append(self._sampled())
        if conditions:
            statement += f" where {' and '.join(conditions)}"
        if "headrace.limit" in given:
            if table.primary_key:
                statement += f" order by {', '.join(quote(name) for name in table.primary_key)}"
            statement += " limit pg_catalog.current_setting('headrace.limit')::int8"
        return statement

    def _conditions(self, columns: list[catalog.Carried], span: Span) -> list[str]:
        table = self._table
        if table.cursor is None:
            if span.lower is not None or span.upper is not None:
                raise SourceError(f"{table.name} has no cursor, and only a part of it was asked for.")
            return []
        name = quote(table.cursor)
        kind = next(one.column for one in columns if one.column.name == table.cursor)
        within = []
        if span.lower is not None:
            sign = ">=" if span.lower_inclusive else ">"
            within.append(f"{name} {sign} pg_catalog.current_setting('headrace.lower')::{kind.written}")
        if span.upper is not None:
            within.append(f"{name} < pg_catalog.current_setting('headrace.upper')::{kind.written}")
        if "headrace.window" in self._bounds(span):
            if kind.type not in ("date", "timestamp", "timestamptz"):
                raise SourceError(
                    f"`window` of {table.name} needs a cursor that is a date or a timestamp; "
                    f"{table.cursor!r} is {kind.written}."
                )
            within.append(
                f"{name} >= (select pg_catalog.max({name}) from {quote(table.db_schema, table.name)}) "
                "- pg_catalog.make_interval(secs => pg_catalog.current_setting('headrace.window')::float8)"
            )
        if not within:
            return []
        # Rows without a cursor would be lost in silence, so they are read and set aside.
        return [f"({' and '.join(within)} or {name} is null)"]

    def _sampled(self) -> str:
        """A condition that picks the same rows each time: by a hash of the key, or of the whole row."""
        table = self._table
        picked = ", ".join(quote(name) for name in table.primary_key) or "headrace_row.*"
        return (
            f"(pg_catalog.hashtextextended(row({picked})::text, 0) & 9223372036854775807) % {HASH_BUCKETS} "
            "< pg_catalog.current_setting('headrace.sample')::int8"
        )


class PostgresExtraction:
    """The open streams of one table, of one snapshot."""

    def __init__(
        self, table: PostgresTable, columns: list[catalog.Carried], streams: Sequence[PostgresStream]
    ) -> None:
        self._table = table
        self._where = f"{table.db_schema}.{table.name}"
        self._columns = columns
        self._streams = streams
        self.schema = pa.schema([one.field for one in columns])
        for one, field in zip(columns, streams[0].schema, strict=True):
            if _storage(field.type) != one.arrives:
                raise SourceError(
                    f"Column {one.column.name!r} of {self._where} ({one.column.written}) arrived as "
                    f"{field.type}, not as {one.arrives}; leave it out with `exclude`."
                )

    def pieces(self) -> Iterator[Piece]:
        """See ``Extraction.pieces``. A position is the row's key, or its number in this read."""
        for stream in self.streams():
            yield from stream

    def streams(self) -> list[Iterator[Piece]]:
        """See ``SplitExtraction.streams``. Without a key, a position is a number from a page on."""
        return [self._pieces(stream) for stream in self._streams]

    def cancel(self) -> None:
        """See ``CancellableExtraction.cancel``."""
        for stream in self._streams:
            stream.cancel()

    def _pieces(self, stream: PostgresStream) -> Iterator[Piece]:
        where = self._where
        if len(self._streams) > 1:
            where += f" from page {stream.pages.first}"
        conversions = [one.conversion for one in self._columns]
        rows = SqlRows(self._table, where, conversions, self.schema)
        return rows.pieces(stream.batches(self._where))


def _exported(cursor: dbapi.Cursor) -> str:
    """The name under which other transactions can take over this one's snapshot."""
    cursor.execute("select pg_catalog.pg_export_snapshot()")
    [(name,)] = cursor.fetchall()
    return str(name)


def _set(cursor: dbapi.Cursor, name: str, value: str) -> None:
    """Set a parameter for the rest of the transaction."""
    cursor.execute("select pg_catalog.set_config($1, $2, true)", (name, value))


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
