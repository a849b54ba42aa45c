"""Tasks as processes: a child is forked for each, as Airflow's LocalExecutor does, runs the real operator,
and meets a fault at one boundary.

A boundary is a moment with a name: a statement of a session, a sign-in, a piece of rows read, a file
written. ``Boundaries`` finds them while a task runs, so that a statement that is added to the protocol
is a boundary of its own without anybody writing it down here.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import re
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import pyarrow as pa
import snowflake.connector
from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from include.headrace import extract, load, manifest, part_writer, workspace
from include.headrace.operators import ExtractToStageOperator, LoadToTableOperator
from include.headrace.readers import reader_for
from include.headrace.readers.base import Piece, Span, streams_of
from include.headrace.session import Session

CONN_ID = "faults_snowflake"

# What a child would import at its first step, the parent has: as in Airflow, where it is preloaded.
for _kind in ("postgres", "mysql", "mongo", "rest", "graphql", "csv", "json", "parquet"):
    importlib.import_module(f"include.headrace.readers.{_kind}")
PRELOADED = (load, workspace, SnowflakeHook)
PIECE_ROWS = 5


@dataclass(frozen=True)
class Point:
    """The n-th time that a task comes to a boundary."""

    boundary: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.boundary} #{self.occurrence}"


@dataclass(frozen=True)
class Fault:
    """What happens to a task: an action at a point, or a condition that it runs under."""

    action: str
    point: Point | None = None
    hours: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a child: the operator's result, or its error, or neither when it was killed."""

    result: Any = None
    error: str | None = None
    permanent: bool = False
    fired: bool = False
    points: tuple[Point, ...] = ()


@dataclass(frozen=True)
class TaskRun:
    """One task of one run, as the operator sees it."""

    source: str
    step: str
    run_id: str
    clear_number: int = 0
    staged: dict[str, str] | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def execute(self) -> Any:
        shared: dict[str, Any] = {"source": self.source, "table": "orders", "snowflake_conn_id": CONN_ID}
        operator = (
            ExtractToStageOperator(task_id="extract", **shared)
            if self.step == "extract"
            else LoadToTableOperator(task_id="load", extract_task_id="extract", **shared)
        )
        context: Any = {
            "dag_run": SimpleNamespace(
                run_id=self.run_id,
                run_type="manual",
                data_interval_start=None,
                data_interval_end=None,
                clear_number=self.clear_number,
            ),
            "ti": SimpleNamespace(
                dag_id=f"ingest__{self.source}",
                task_id=f"orders.{self.step}",
                run_id=self.run_id,
                try_number=1,
                xcom_pull=lambda task_ids: self.staged,
            ),
            "params": self.params,
        }
        return operator.execute(context)


class Boundaries:
    """Counts the boundaries that a task comes to, and acts at one of them."""

    def __init__(self, fault: Fault | None, tell: Callable[[dict[str, Any]], None]) -> None:
        self._fault = fault
        self._tell = tell
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.points: list[Point] = []

    def at(self, boundary: str) -> None:
        with self._lock:
            self._counts[boundary] += 1
            point = Point(boundary, self._counts[boundary])
            self.points.append(point)
        if self._fault is not None and self._fault.point == point:
            self._tell({"fired": True})
            ACTIONS[self._fault.action]()


def _raise(error: BaseException) -> NoReturn:
    raise error


ACTIONS: dict[str, Callable[[], None]] = {
    "kill -9": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "out of memory": lambda: _raise(MemoryError()),
    "timed out by Airflow": lambda: _raise(AirflowTaskTimeout("Timeout")),
    "disk full": lambda: _raise(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
}


@dataclass
class Child:
    """A running task."""

    pid: int
    pipe: int
    told: list[dict[str, Any]] = field(default_factory=list)

    def stopped(self) -> bool:
        """Wait until the child stops itself (True) or ends (False, and it has been waited for)."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self.pid = 0
        return False

    def go_on(self) -> None:
        """Wake a child that stopped itself."""
        os.kill(self.pid, signal.SIGCONT)

    def wait(self) -> Outcome:
        """What became of it, once it has ended."""
        with os.fdopen(self.pipe) as pipe:
            told = [json.loads(line) for line in pipe]
        if self.pid:
            os.waitpid(self.pid, 0)
        end = told[-1] if told and "points" in told[-1] else {}
        return Outcome(
            result=end.get("result"),
            error=end.get("error"),
            permanent=bool(end.get("permanent")),
            fired=any(line.get("fired") for line in told),
            points=tuple(Point(*point) for point in end.get("points", ())),
        )


def start(task: TaskRun, fault: Fault | None = None) -> Child:
    """Run a task in a child of its own."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    os.close(reading)
    status = 1
    try:
        _be_the_task(task, fault, writing)
        status = 0
    finally:
        os._exit(status)


def run(task: TaskRun, fault: Fault | None = None) -> Outcome:
    """Run a task in a child of its own, to its end."""
    return start(task, fault).wait()


def _be_the_task(task: TaskRun, fault: Fault | None, pipe: int) -> None:
    def tell(line: dict[str, Any]) -> None:
        os.write(pipe, json.dumps(line).encode() + b"\n")

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    boundaries = Boundaries(fault, tell)
    watch(boundaries)
    if fault is not None:
        _impose(fault, tell)
    end: dict[str, Any] = {}
    try:
        end["result"] = task.execute()
    except AirflowFailException as error:
        end |= {"error": str(error), "permanent": True}
    except BaseException as error:
        end["error"] = f"{type(error).__name__}: {error}"
    tell({**end, "points": [[point.boundary, point.occurrence] for point in boundaries.points]})


def _impose(fault: Fault, tell: Callable[[dict[str, Any]], None]) -> None:
    """Conditions of the whole task."""
    if fault.action == "clock is wrong":
        shift = timedelta(hours=fault.hours)

        class Skewed(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(tz) + shift

        setattr(manifest, "datetime", Skewed)  # noqa: B010
        tell({"fired": True})
    if fault.action == "file size limit":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
        tell({"fired": True})


def watch(boundaries: Boundaries) -> None:
    """Let everything that a task does pass ``boundaries``. Only ever in a child: it stays so."""
    _watch_sessions(boundaries)
    _watch_files(boundaries)
    watched = lambda source, table: _Watched(reader_for(source, table), boundaries)  # noqa: E731
    setattr(extract, "reader_for", watched)  # noqa: B010


def _watch_sessions(boundaries: Boundaries) -> None:
    run_statement, insert, close = Session._run, Session.insert, Session.close
    connect = snowflake.connector.connect

    def watched_connect(*arguments: Any, **options: Any) -> Any:
        boundaries.at("sign in")
        return connect(*arguments, **options)

    def watched_run(self: Session, statement: str, values: Sequence[Any]) -> Any:
        name = label(statement)
        boundaries.at(name)
        answer = run_statement(self, statement, values)
        if name in ("COMMIT", "PUT", "REMOVE"):
            boundaries.at(f"after {name}")
        return answer

    def watched_insert(self: Session, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        boundaries.at(label(statement))
        insert(self, statement, rows)
        boundaries.at(f"after {label(statement)}")

    def watched_close(self: Session) -> None:
        boundaries.at("sign out")
        close(self)

    setattr(snowflake.connector, "connect", watched_connect)  # noqa: B010
    Session._run = watched_run  # type: ignore[method-assign]
    Session.insert = watched_insert  # type: ignore[method-assign]
    Session.close = watched_close  # type: ignore[method-assign]


def _watch_files(boundaries: Boundaries) -> None:
    part_writer.TARGET_FILE_BYTES = part_writer.ROW_GROUP_BYTES = 1
    write, finish = part_writer.PartWriter.write, part_writer.PartWriter.finish

    def watched_write(self: Any, batch: pa.RecordBatch) -> bool:
        boundaries.at(f"write {self.kind}")
        return write(self, batch)

    def watched_finish(self: Any) -> Any:
        finished = finish(self)
        if finished is not None:
            boundaries.at(f"wrote {self.kind}")
        return finished

    part_writer.PartWriter.write = watched_write  # type: ignore[method-assign]
    part_writer.PartWriter.finish = watched_finish  # type: ignore[method-assign]


def label(statement: str) -> str:
    """A statement's name: its verb, and the last part of the first name in it without ids and sources."""
    words = statement.split()
    verb = words[0] + (" TRANSACTION" if words[0] == "BEGIN" and len(words) > 1 else "")
    named = re.search(r'(?:"[^"]+"\.)*"([^"]+)"', statement)
    if named is None or words[0] in ("BEGIN", "PUT", "COMMIT", "ROLLBACK"):
        return verb
    name = re.sub(r"__[0-9A-F]{32}", "", named[1])
    return f"{verb} {re.sub(r'^FENCE__.*', 'FENCE', name)}"


class _Watched:
    """A reader whose boundaries are seen, and whose pieces are small."""

    def __init__(self, reader: Any, boundaries: Boundaries) -> None:
        self._reader = reader
        self._boundaries = boundaries

    @contextlib.contextmanager
    def open(self, span: Span) -> Iterator[Any]:
        self._boundaries.at("open the source")
        with self._reader.open(span) as extraction:
            yield _Pieces(extraction, self._boundaries)
            self._boundaries.at("close the source")


class _Pieces:
    """An extraction in streams of small pieces."""

    def __init__(self, extraction: Any, boundaries: Boundaries) -> None:
        self.schema = extraction.schema
        self._extraction = extraction
        self._boundaries = boundaries

    def pieces(self) -> Iterator[Piece]:
        for stream in self.streams():
            yield from stream

    def streams(self) -> Sequence[Iterator[Piece]]:
        return [self._small(stream) for stream in streams_of(self._extraction)]

    def _small(self, stream: Iterator[Piece]) -> Iterator[Piece]:
        for piece in stream:
            first = True
            for start in range(0, max(piece.rows.num_rows, 1), PIECE_ROWS):
                self._boundaries.at("piece of rows")
                yield Piece(
                    rows=piece.rows.slice(start, PIECE_ROWS),
                    rejected=piece.rejected if first else (),
                    discarded=piece.discarded if first else 0,
                )
                first = False
        self._boundaries.at("end of a stream")
