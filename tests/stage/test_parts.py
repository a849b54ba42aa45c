"""An extraction to Parquet files: what is in them, what goes on at once, and what an error leaves."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.headrace import part_writer, parts
from include.headrace.manifest import StagedFile
from include.headrace.part_writer import PART_COLUMN
from include.headrace.parts import Written, write_parts
from include.headrace.readers.base import Piece, Rejected

SCHEMA = pa.schema([("id", pa.int64()), ("t", pa.string())])
WAIT = 30.0
"""Seconds after which a wait for another thread is given up: it would never end."""


def piece(*ids: int) -> Piece:
    return Piece(
        pa.record_batch({"id": list(ids), "t": [None if i % 2 else f"text {i}" for i in ids]}, SCHEMA)
    )


@dataclass
class Streams:
    """An extraction of given streams. ``cancelled`` is set once it was cancelled."""

    given: Sequence[Iterator[Piece]]
    schema: pa.Schema = SCHEMA
    cancelled: threading.Event = field(default_factory=threading.Event)

    def pieces(self) -> Iterator[Piece]:
        for stream in self.given:
            yield from stream

    def streams(self) -> Sequence[Iterator[Piece]]:
        return self.given

    def cancel(self) -> None:
        self.cancelled.set()


@pytest.fixture
def every_piece_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_writer, "TARGET_FILE_BYTES", 1)
    monkeypatch.setattr(part_writer, "ROW_GROUP_BYTES", 1)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("headrace-")]
    assert left == []


def keep(path: Path, staged: StagedFile) -> None:
    """Leave a finished file where it is."""


def ids_of(folder: Path, written: Written) -> list[int]:
    files = [file.name for file in written.files if file.kind == "rows"]
    assert files == sorted(files)
    return [one for name in files for one in pq.read_table(folder / name).column("id").to_pylist()]


def test_files_hold_every_row_in_the_order_of_the_streams_and_are_counted(
    tmp_path: Path, every_piece_a_file: None
) -> None:
    streams = [iter([piece(i * 100 + n, i * 100 + n + 50) for n in range(12)]) for i in range(11)]
    written = write_parts(Streams(streams), tmp_path, on_file=keep)
    expected = [one for i in range(11) for n in range(12) for one in (i * 100 + n, i * 100 + n + 50)]
    assert ids_of(tmp_path, written) == expected
    assert written.extracted == sum(file.rows for file in written.files) == len(expected) == 264
    assert len(written.files) == len(list(tmp_path.iterdir())) == 132
    assert sum(file.non_null["id"] for file in written.files) == 264
    assert sum(file.non_null["t"] for file in written.files) == sum(one % 2 == 0 for one in expected)


def test_rows_set_aside_and_left_out_are_counted_over_all_streams(tmp_path: Path) -> None:
    bad = [Piece(piece().rows, (Rejected(f"row {n}", "it is bad", "{}"),), discarded=n) for n in (1, 2, 3)]
    streams = [iter([piece(1, 2), bad[0]]), iter([bad[1], piece(3), bad[2]])]
    written = write_parts(Streams(streams), tmp_path, on_file=keep)
    assert (written.extracted, written.quarantined, written.discarded) == (12, 3, 6)
    assert ids_of(tmp_path, written) == [1, 2, 3]
    aside = [pq.read_table(tmp_path / file.name) for file in written.files if file.kind == "quarantine"]
    assert [row["POSITION"] for table in aside for row in table.to_pylist()] == ["row 1", "row 2", "row 3"]


def test_many_rows_set_aside_are_all_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "REJECTED_FLUSH_ROWS", 10)
    monkeypatch.setattr(part_writer, "TARGET_FILE_BYTES", 1)
    monkeypatch.setattr(part_writer, "ROW_GROUP_BYTES", 1)
    bad = [
        Piece(piece().rows, tuple(Rejected(f"row {n * 7 + m}", "bad", "{}") for m in range(7)))
        for n in range(8)
    ]
    written = write_parts(Streams([iter(bad)]), tmp_path, on_file=keep)
    assert written.quarantined == sum(file.rows for file in written.files) == 56
    assert [file.rows for file in written.files] == [10, 10, 10, 10, 10, 6]
    found = [row["POSITION"] for f in written.files for row in pq.read_table(tmp_path / f.name).to_pylist()]
    assert found == [f"row {n}" for n in range(56)]


def test_nothing_read_is_no_file(tmp_path: Path) -> None:
    written = write_parts(Streams([iter([]), iter([piece()])]), tmp_path, on_file=keep)
    assert written == Written((), 0, 0, 0)
    assert list(tmp_path.iterdir()) == []


def test_small_batches_are_gathered_to_row_groups(tmp_path: Path) -> None:
    written = write_parts(Streams([iter([piece(n) for n in range(500)])]), tmp_path, on_file=keep)
    [file] = written.files
    assert pq.ParquetFile(tmp_path / file.name).num_row_groups == 1
    assert ids_of(tmp_path, written) == list(range(500))


def test_values_of_every_type_are_the_same_in_the_file(tmp_path: Path) -> None:
    # Some repeat and some do not, so that both ways of encoding are taken.
    rows = range(5000)
    table = pa.table(
        {
            "number": pa.array([n % 3 for n in rows], pa.decimal128(38, 9)),
            "key": pa.array([n * 10**20 for n in rows], pa.decimal128(38, 0)),
            "big": pa.array([2**64 - 1 - n for n in rows], pa.uint64()),
            "float": pa.array([float("nan") if n % 5 == 0 else n / 7 for n in rows]),
            "flag": pa.array([None if n % 3 == 0 else n % 2 == 0 for n in rows]),
            "few": pa.array([["a", "", None][n % 3] for n in rows]),
            "coded": pa.array([["a", "", None][n % 3] for n in rows]).dictionary_encode(),
            "bytes": pa.array([bytes([n % 256, 0]) for n in rows]),
            "nothing": pa.nulls(len(rows)),
            "time": pa.array(list(rows), pa.time64("ns")),
            "at": pa.array([n - 2500 for n in rows], pa.timestamp("us", "UTC")),
        }
    )
    pieces = (Piece(batch) for batch in table.to_batches(max_chunksize=1700))
    written = write_parts(Streams([pieces], table.schema), tmp_path, on_file=keep)
    [file] = written.files
    found = pq.read_table(tmp_path / file.name).drop_columns(PART_COLUMN)
    assert repr(found.to_pylist()) == repr(table.to_pylist())
    assert file.non_null == {name: 5000 - table.column(name).null_count for name in table.schema.names}


def test_every_row_says_of_which_file_it_is(tmp_path: Path, every_piece_a_file: None) -> None:
    streams = Streams([iter([piece(1), piece(2)]), iter([piece(3)])])
    written = write_parts(streams, tmp_path, path="orders/7/8/", on_file=keep)
    said = {
        file.name: set(pq.read_table(tmp_path / file.name).column(PART_COLUMN).to_pylist())
        for file in written.files
    }
    assert len(said) == 3
    assert said == {name: {f"orders/7/8/{name[:8]}"} for name in said}


def test_reading_goes_on_while_a_file_is_handed_over(tmp_path: Path, every_piece_a_file: None) -> None:
    read_on = threading.Event()
    waited: list[bool] = []
    threads: set[threading.Thread] = set()

    def pieces() -> Iterator[Piece]:
        yield piece(1)
        yield piece(2)
        read_on.set()
        yield piece(3)

    def slowly(path: Path, staged: StagedFile) -> None:
        threads.add(threading.current_thread())
        waited.append(read_on.wait(WAIT))

    written = write_parts(Streams([pieces()]), tmp_path, on_file=slowly)
    assert waited == [True, True, True]
    assert threads == {threading.current_thread()}
    assert ids_of(tmp_path, written) == [1, 2, 3]


def test_streams_are_read_at_the_same_time(tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def pieces(number: int) -> Iterator[Piece]:
        both.wait(WAIT)
        yield piece(number)
        both.wait(WAIT)

    written = write_parts(Streams([pieces(1), pieces(2)]), tmp_path, on_file=keep)
    assert ids_of(tmp_path, written) == [1, 2]


def test_only_a_few_files_wait_on_disk(tmp_path: Path, every_piece_a_file: None) -> None:
    seen: list[int] = []

    def slowly(path: Path, staged: StagedFile) -> None:
        time.sleep(0.02)
        seen.append(len(list(tmp_path.iterdir())))
        path.unlink()

    write_parts(Streams([iter([piece(n) for n in range(30)])]), tmp_path, on_file=slowly)
    # One handed over, those that wait, one whose writer waits to add it, and one that is open.
    assert len(seen) == 30
    assert max(seen) <= parts.FINISHED_FILES + 3


class Broken(Exception):
    pass


def endless() -> Iterator[Piece]:
    number = 0
    while True:
        yield piece(number)
        number += 1


def fails_after(count: int, error: BaseException) -> Iterator[Piece]:
    for number in range(count):
        yield piece(number)
    raise error


def raising(error: BaseException, after: int = 0) -> Callable[..., None]:
    calls: list[Any] = []

    def call(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) > after:
            raise error

    return call


@pytest.mark.parametrize("others", [0, 1, 3])
@pytest.mark.parametrize("where", ["reader", "batch", "file", "interrupt"])
def test_an_error_anywhere_ends_all_and_is_raised_as_it_is(
    tmp_path: Path, every_piece_a_file: None, where: str, others: int
) -> None:
    error: BaseException = KeyboardInterrupt() if where == "interrupt" else Broken(where)
    error.__cause__ = OSError("below")
    first = fails_after(7, error) if where == "reader" else endless()
    extraction = Streams([first, *(endless() for _ in range(others))])
    with pytest.raises(type(error)) as raised:
        write_parts(
            extraction,
            tmp_path,
            on_file=raising(error, 3) if where in ("file", "interrupt") else lambda path, _: path.unlink(),
            on_batch=raising(error, 5) if where == "batch" else None,
        )
    assert raised.value is error
    assert isinstance(error.__cause__, OSError)
    handed_over = 3 if where in ("file", "interrupt") else 0
    assert len(list(tmp_path.iterdir())) == handed_over


def test_a_batch_that_cannot_be_written_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    # Parquet has no type for it.
    schema = pa.schema([("id", pa.month_day_nano_interval())])
    bad = Piece(pa.record_batch([pa.nulls(3, schema.field(0).type)], schema))
    with pytest.raises(pa.ArrowNotImplementedError):
        write_parts(Streams([iter([bad]), iter([bad])], schema), tmp_path, on_file=keep)
    assert list(tmp_path.iterdir()) == []


def test_a_signal_ends_a_read_that_waits_for_its_source(tmp_path: Path) -> None:
    def waiting() -> Iterator[Piece]:
        yield piece(1)
        # As a driver that another thread cancels.
        assert extraction.cancelled.wait(WAIT)
        raise Broken("cancelled")

    def expired(number: int, frame: Any) -> None:
        raise TimeoutError("the task took too long")

    extraction = Streams([waiting()])
    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError, match="the task took too long"):
            write_parts(extraction, tmp_path, on_file=keep)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_is_closed_by_the_thread_that_read_it(tmp_path: Path) -> None:
    ended: list[str] = []

    def pieces() -> Iterator[Piece]:
        try:
            yield from endless()
        finally:
            ended.append(threading.current_thread().name)

    with pytest.raises(Broken):
        write_parts(Streams([pieces()]), tmp_path, on_file=keep, on_batch=raising(Broken()))
    assert ended == ["headrace-read-0"]
