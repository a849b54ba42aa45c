from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from include.headrace.errors import CountError, HeadraceError, PassingError
from include.headrace.load import Load
from include.headrace.session import CommitInDoubt, Session
from tests.support.loads import DATABASE, ORDERS, TASK, MemoryExtraction, Shop, batch, orders_table

ROWS = [{"id": n, "state": "new", "changed": datetime(2024, 5, 1, 12, n)} for n in range(5)]
EXPECTED = [(n, "new") for n in range(5)]


def test_a_load_run_again_finds_itself_committed(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    first = shop.load(ids, table)
    assert shop.load(ids, table) == first
    assert shop.rows() == EXPECTED
    assert len(shop.loads()) == 1


def test_a_load_extracted_twice_under_one_id_is_applied_once(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    extraction = MemoryExtraction(ORDERS, [batch(ROWS)])
    first = shop.stage(extraction, table)
    retry = shop.stage(extraction, table, load_id=first.load_id)
    shop.load(retry, table)
    shop.load(first, table)
    assert shop.rows() == EXPECTED
    assert [row["attempt_id"] for row in shop.loads()] == [retry.attempt_id]


def test_two_attempts_at_once_apply_one(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    outcomes: list[object] = []

    def attempt() -> None:
        try:
            outcomes.append(shop.load(ids, table)["load_id"])
        except PassingError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids.load_id in outcomes
    # The one that lost may have been aborted by the other; its retry finds the load committed.
    assert shop.load(ids, table)["load_id"] == ids.load_id
    assert shop.rows() == EXPECTED
    assert len(shop.loads()) == 1


def test_loads_of_one_table_by_two_runs_at_once_both_arrive(shop: Shop) -> None:
    table = orders_table()
    shop.stage_and_load(ROWS[:1])
    staged = [shop.stage(MemoryExtraction(ORDERS, [batch([row])]), table) for row in ROWS[1:4]]
    failures: list[HeadraceError] = []

    def run(load: Load) -> None:
        try:
            load.run()
        except HeadraceError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[shop.loader(ids, table)]) for ids in staged]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert shop.rows() == EXPECTED[:4]


def test_an_attempt_that_fails_after_another_committed_finds_the_load_done(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    opened: list[int] = []

    def open_session() -> Session:
        session = shop.open_session()
        opened.append(1)
        if len(opened) == 1:
            execute = session.execute

            def other_first(statement: str, values: Sequence[Any] = ()) -> int:
                if statement == "BEGIN" and not shop.loads():
                    shop.load(ids, table)  # the twin commits, and removes the staged files
                return execute(statement, values)

            session.execute = other_first  # type: ignore[method-assign]
        return session

    row = Load(open_session, DATABASE, ids, table, TASK).run()
    assert row["load_id"] == ids.load_id
    assert shop.rows() == EXPECTED
    assert len(shop.loads()) == 1


@dataclass
class Broken:
    """Opens sessions whose first COMMIT of the applying transaction loses its answer."""

    open_session: Callable[[], Session]
    carried_out: bool
    used: bool = False

    def __call__(self) -> Session:
        session = self.open_session()
        commit = session.commit

        def lose_answer(transaction: str) -> None:
            if self.used:
                commit(transaction)
                return
            self.used = True
            if self.carried_out:
                commit(transaction)
            raise CommitInDoubt("connection reset", transaction)

        session.commit = lose_answer  # type: ignore[method-assign]
        return session


def test_a_commit_whose_answer_was_lost_is_found_in_the_ledger(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    row = Load(Broken(shop.open_session, carried_out=True), DATABASE, ids, table, TASK).run()
    assert row["rows_inserted"] == 5
    assert shop.rows() == EXPECTED
    assert len(shop.loads()) == 1


def test_a_commit_that_never_arrived_is_aborted_and_the_retry_applies_it(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    with pytest.raises(PassingError, match="was rolled back; it runs again"):
        Load(Broken(shop.open_session, carried_out=False), DATABASE, ids, table, TASK).run()
    assert shop.loads() == []
    shop.load(ids, table)
    assert shop.rows() == EXPECTED


def test_after_a_load_its_staged_files_and_tables_are_gone(shop: Shop) -> None:
    table = orders_table()
    ids = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), table)
    stage = f'@"RAW"."{shop.source.upper()}"."LANDING"/{ids.path}'
    assert len(shop.query(f"LIST {stage}")) == 1
    shop.load(ids, table)
    assert shop.query(f"LIST {stage}") == []
    left = shop.query(
        'SELECT table_name FROM "RAW".information_schema.tables WHERE table_schema = ? '
        "AND table_name LIKE 'ATTEMPT\\\\_\\\\_%'",
        ["HEADRACE"],
    )
    assert left == []


def test_another_attempts_files_are_never_read_or_removed(shop: Shop) -> None:
    table = orders_table(disposition="append", primary_key=None)
    first = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS[:2])]), table)
    second = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS[2:])]), table)
    shop.load(first, table)
    assert shop.rows() == EXPECTED[:2]
    shop.load(second, table)
    assert shop.rows() == EXPECTED


def test_a_staged_file_in_the_place_of_another_of_as_many_rows_and_values_is_red(
    shop: Shop, tmp_path: Path
) -> None:
    table = orders_table(disposition="append", primary_key=None)
    mine, other = (
        shop.stage(MemoryExtraction(ORDERS, [batch(rows)]), table) for rows in (ROWS[:1], ROWS[1:2])
    )
    places = [f'@"RAW"."{shop.source.upper()}"."LANDING"/{ids.path}' for ids in (mine, other)]
    names = [Path(shop.query(f"LIST {place}")[0]["name"]).name for place in places]
    shop.query(f"GET {places[1]}{names[1]} 'file://{tmp_path}/'")
    (tmp_path / names[1]).rename(tmp_path / names[0])
    shop.query(f"REMOVE {places[0]}")
    shop.query(f"PUT 'file://{tmp_path}/{names[0]}' '{places[0]}' AUTO_COMPRESS=FALSE")
    with pytest.raises(CountError, match="holds rows of another file"):
        shop.load(mine, table)
    assert shop.loads() == []
