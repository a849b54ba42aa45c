"""What a sweep takes from stages and from the ledger's schema, and what it leaves."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from include.headrace.copying import AttemptTables
from include.headrace.errors import CountError, PassingError
from include.headrace.load import Load
from include.headrace.manifest import LoadIds
from include.headrace.session import Session
from include.headrace.sweep import Orphan, Sweep
from tests.support.loads import DATABASE, ORDERS, MemoryExtraction, Shop, batch, orders_table
from tests.support.snowflake import LocalSnowflake

ROWS = [{"id": n, "state": "new", "changed": datetime(2024, 5, 1, 12, n)} for n in range(5)]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def stage(shop: Shop) -> LoadIds:
    return shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), orders_table())


def location(shop: Shop, ids: LoadIds) -> str:
    return f'@"RAW"."{shop.source.upper()}"."LANDING"/{ids.path}'


def staged(shop: Shop, ids: LoadIds) -> int:
    return len(shop.query(f"LIST {location(shop, ids)}"))


def make_older(server: LocalSnowflake, ids: LoadIds, by: timedelta) -> None:
    """Move the clock of an attempt's staged files back, in the folder where the server keeps them."""
    files = [path for path in Path(server.data).rglob("*") if path.is_file() and ids.attempt_id in str(path)]
    assert files
    for path in files:
        os.utime(path, (time.time() - by.total_seconds(),) * 2)


def sweep(shop: Shop, **settings: timedelta) -> list[Orphan]:
    """Sweep, and give what was removed of this test's source."""
    swept = Sweep(shop.open_session, DATABASE, **settings).run()
    return [one for one in swept if shop.source.upper() in one.name]


def test_files_of_a_load_that_never_committed_go_when_they_are_old(
    shop: Shop, snowflake: LocalSnowflake
) -> None:
    old, young = stage(shop), stage(shop)
    make_older(snowflake, old, 8 * DAY)
    make_older(snowflake, young, 6 * DAY)
    [gone] = sweep(shop)
    assert (gone.load_id, gone.committed, gone.files) == (old.load_id, False, 1)
    assert (staged(shop, old), staged(shop, young)) == (0, 1)
    shop.load(young, orders_table())
    assert len(shop.rows()) == 5


def test_a_load_whose_files_were_swept_says_what_to_clear_and_another_try_is_right(
    shop: Shop, snowflake: LocalSnowflake
) -> None:
    ids = stage(shop)
    make_older(snowflake, ids, 8 * DAY)
    sweep(shop)
    with pytest.raises(CountError, match="clear the extract task"):
        shop.load(ids, orders_table())
    again = shop.stage(MemoryExtraction(ORDERS, [batch(ROWS)]), orders_table(), load_id=ids.load_id)
    shop.load(again, orders_table())
    assert shop.rows() == [(n, "new") for n in range(5)]


def test_files_of_a_committed_load_go_after_an_hour(
    shop: Shop, snowflake: LocalSnowflake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stage(shop), stage(shop)
    with monkeypatch.context() as patch:
        patch.setattr(Load, "_remove_staged", lambda self, *arguments: None)
        for ids in (first, second):
            shop.load(ids, orders_table())
    make_older(snowflake, first, HOUR + timedelta(minutes=1))
    make_older(snowflake, second, HOUR - timedelta(minutes=5))
    [gone] = sweep(shop)
    assert (gone.load_id, gone.committed) == (first.load_id, True)
    assert (staged(shop, first), staged(shop, second)) == (0, 1)


def tables_of(shop: Shop, attempt: str) -> int:
    like = f"ATTEMPT__{attempt.upper()}%"
    return len(shop.query(f'SHOW TABLES LIKE \'{like}\' IN SCHEMA "RAW"."HEADRACE"'))


def left_by_a_kill(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[LoadIds, str]:
    """A load that was killed after it had filled its tables: its ids and the attempt's id."""
    ids = stage(shop)

    class Killed(BaseException):
        pass

    def die(self: AttemptTables) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(AttemptTables, "_check_values", die)
        patch.setattr(Load, "_drop", lambda self, *arguments: None)
        with pytest.raises(Killed):
            shop.load(ids, orders_table())
    [attempt] = {row["attempt_id"] for row in shop.attempts("load") if row["load_id"] == ids.load_id}
    return ids, attempt


def test_tables_of_a_killed_load_go_by_the_state_of_their_load(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, attempt = left_by_a_kill(shop, monkeypatch)
    assert tables_of(shop, attempt) == 2
    Sweep(shop.open_session, DATABASE, settled=timedelta(0)).run()
    assert tables_of(shop, attempt) == 2, "the load may be tried again"
    shop.load(ids, orders_table())
    Sweep(shop.open_session, DATABASE).run()
    assert tables_of(shop, attempt) == 2, "it committed less than an hour ago"
    Sweep(shop.open_session, DATABASE, settled=timedelta(0)).run()
    assert tables_of(shop, attempt) == 0
    assert shop.rows() == [(n, "new") for n in range(5)]


def test_a_file_that_no_load_staged_stays(shop: Shop, snowflake: LocalSnowflake, tmp_path: Path) -> None:
    ids = stage(shop)
    foreign = tmp_path / "notes.txt"
    foreign.write_text("not of a load")
    at = f'@"RAW"."{shop.source.upper()}"."LANDING"/notes/'
    shop.query(f"PUT 'file://{foreign}' '{at}' AUTO_COMPRESS=FALSE SOURCE_COMPRESSION=NONE")
    make_older(snowflake, ids, 8 * DAY)
    assert len(sweep(shop, older_than=timedelta(0))) == 1
    assert [row["name"].rsplit("/", 1)[-1] for row in shop.query(f"LIST {at}")] == ["notes.txt"]


def test_looking_removes_nothing(shop: Shop, snowflake: LocalSnowflake) -> None:
    ids = stage(shop)
    make_older(snowflake, ids, 8 * DAY)
    found = [
        one.load_id for one in Sweep(shop.open_session, DATABASE).orphans() if one.load_id == ids.load_id
    ]
    assert found == [ids.load_id]
    assert staged(shop, ids) == 1


def test_one_that_cannot_be_removed_does_not_keep_the_others(
    shop: Shop, snowflake: LocalSnowflake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stage(shop), stage(shop)
    for ids in (first, second):
        make_older(snowflake, ids, 8 * DAY)
    execute = Session.execute

    def refuse(self: Session, statement: str, values: tuple[object, ...] = ()) -> int:
        if statement.startswith("REMOVE") and first.attempt_id in statement:
            raise PassingError("the stage did not answer")
        return execute(self, statement, values)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "execute", refuse)
        with pytest.raises(PassingError, match=r"1 orphans could not be removed.*the stage did not answer"):
            Sweep(shop.open_session, DATABASE).run()
    assert (staged(shop, first), staged(shop, second)) == (1, 0)


def test_an_account_without_a_ledger_has_nothing_to_sweep(shop: Shop) -> None:
    assert Sweep(shop.open_session, "NOTHING_HERE").run() == []
