"""A part of the process faults, over all kinds; `make faults` has every boundary of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults import processes as p
from tests.faults.stores import STORES
from tests.faults.tasks import Broken
from tests.faults.victim import Fault, Point
from tests.support.snowflake import LocalSnowflake, start_local_snowflake

COMMIT = Point("COMMIT", 2)
"""The first COMMIT of a load is that of its COPY; this one applies it."""


def meets(step: str, boundary: str, occurrence: int, action: str) -> Callable[[p.Table], None]:
    return partial(p.struck, step=step, fault=Fault(action, Point(boundary, occurrence)))


CASES: dict[str, list[Callable[[p.Table], None]]] = {
    "postgres": [
        partial(p.struck, step="load", fault=Fault("kill -9", COMMIT)),
        partial(p.overtaken, step="load", point=Point("UPDATE FENCE", 1)),
    ],
    "mysql": [meets("extract", "INSERT MANIFESTS", 1, "kill -9"), partial(p.two_at_once, step="load")],
    "mongo": [meets("extract", "PUT", 2, "kill -9"), meets("load", "INSERT LOADS", 1, "kill -9")],
    "rest": [
        meets("load", "after COMMIT", 2, "kill -9"),
        partial(p.struck, step="extract", fault=Fault("clock is wrong", hours=-26)),
    ],
    "graphql": [
        meets("load", "DELETE ORDERS", 1, "kill -9"),
        partial(p.overtaken, step="extract", point=Point("piece of rows", 1)),
    ],
    "csv": [meets("extract", "wrote quarantine", 1, "disk full"), partial(p.damaged, damage=p.removed)],
    "json": [partial(p.damaged, damage=p.flipped), p.cleared],
    "parquet": [
        partial(p.struck, step="extract", fault=Fault("file size limit")),
        meets("load", "COPY ATTEMPT", 1, "timed out by Airflow"),
    ],
}
"""Which faults run here, a few of each sort."""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSnowflake]:
    server = start_local_snowflake(tmp_path_factory.mktemp("faults-snowflake"))
    yield server
    server.stop()


@pytest.mark.parametrize("kind", STORES)
def test_after_each_fault_and_another_try_raw_is_the_source(
    kind: str, warehouse: LocalSnowflake, tmp_path: Path
) -> None:
    with p.tables(kind, tmp_path, warehouse) as table:
        table.begin().finish()
        for inject in CASES[kind]:
            inject(table)
        assert len(table.store.rows) >= 3 * 12


def test_a_row_lost_and_a_row_doubled_are_seen(warehouse: LocalSnowflake, tmp_path: Path) -> None:
    with p.tables("parquet", tmp_path, warehouse) as table:
        table.begin().finish()
        name = table.shop.table()
        table.shop.query(f'INSERT INTO {name} SELECT * FROM {name} WHERE "ID" < 3')
        with pytest.raises(Broken, match=r"0 rows lost.*3 too many") as raised:
            table.check()
        assert (raised.value.lost, raised.value.doubled) == (0, 3)
        table.shop.query(f'DELETE FROM {name} WHERE "ID" < 4')
        with pytest.raises(Broken, match=r"4 rows lost.*0 too many") as raised:
            table.check()
        assert (raised.value.lost, raised.value.doubled) == (4, 0)
