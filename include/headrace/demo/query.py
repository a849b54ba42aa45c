"""``make sql``: one query against the local Snowflake, its result as a table or as CSV."""

from __future__ import annotations

import csv
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TextIO

from include.headrace import settings
from include.headrace.demo.account import connect, open_connection
from include.headrace.demo.environment import base_environment
from include.headrace.demo.platform import LocalSnowflake, run_file, stopped_by_signals
from include.headrace.demo.processes import BusyError, Processes, find, run_lock
from include.headrace.errors import HeadraceError
from include.headrace.session import Session

WAIT_SECONDS = 60


class QueryError(HeadraceError):
    """The local Snowflake refused a statement, or could not be reached."""


@contextmanager
def local_login() -> Iterator[dict[str, Any]]:
    """How to sign in to the local Snowflake: to the one that runs, or to one started for the block."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        content = run_file().read()
        if content.get("snowflake") and find(content["supervisor"]):
            yield content["snowflake"]
            return
        try:
            with run_lock(settings.LOCAL_DIR / "run.lock"), stopped_by_signals(), _own_server() as login:
                yield login
                return
        except BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


@contextmanager
def local_sessions() -> Iterator[Callable[[], Session]]:
    """A function that opens sessions of the local Snowflake, as in ``local_login``, for the block."""
    with local_login() as login:
        yield lambda: Session(open_connection(login, paramstyle="qmark"))


@contextmanager
def _own_server() -> Iterator[dict[str, Any]]:
    run_file().stop_leftovers()
    processes = Processes(run_file(), settings.LOCAL_DIR / "logs")
    server = LocalSnowflake(processes, base_environment(os.environ))
    try:
        server.start()
        server.wait()
        yield run_file().read()["snowflake"]
    finally:
        processes.stop()


def run_query(text: str, output_format: str, output: TextIO) -> None:
    """Run the statements of ``text`` and write the result of the last one, and nothing else, to ``output``.

    ``output_format`` is ``table`` or ``csv``; in CSV, NULL is an empty field. Raises QueryError with
    the server's message when a statement fails.
    """
    from snowflake.connector.errors import Error

    try:
        with local_login() as login, connect(login) as connection:
            cursors = [cursor for cursor in connection.execute_string(text) if cursor is not None]
            if not cursors:
                raise QueryError("There is no statement in the query, only comments.")
            last = cursors[-1]
            names, rows = [column.name for column in last.description], last.fetchall()
    except Error as error:
        raise QueryError(f"local Snowflake (emulated): {error.msg}") from error
    write = write_csv if output_format == "csv" else write_table
    write(names, rows, output)


def write_csv(names: Sequence[str], rows: Sequence[Sequence[Any]], output: TextIO) -> None:
    """Rows as CSV with a header."""
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)


def write_table(names: Sequence[str], rows: Sequence[Sequence[Any]], output: TextIO) -> None:
    """Rows as aligned columns, numbers to the right, NULL spelt out."""
    shown = [["NULL" if value is None else str(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in shown), 0) for i, name in enumerate(names)]
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(names))]

    def line(values: Sequence[str]) -> str:
        cells = zip(values, widths, right, strict=True)
        return "  ".join(v.rjust(w) if r else v.ljust(w) for v, w, r in cells).rstrip()

    rule = line(["-" * width for width in widths])
    print(line(names), rule, *map(line, shown), sep="\n", file=output)


def _is_number(value: Any) -> bool:
    """True for numbers, and for text that is a formatted one."""
    return isinstance(value, (int, float, Decimal)) or bool(re.fullmatch(r"-?[\d,]+(\.\d+)?", str(value)))
