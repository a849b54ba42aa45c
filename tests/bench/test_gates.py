"""A gate is red when its ratio is missed, and when there is nothing to compare."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench import gates, peers
from bench.gates import Gate
from bench.measuring import Run
from bench.results import Row, Table


def table(
    ours: float,
    others: dict[str, float],
    *,
    cpu: float = 1.0,
    memory: float = 100.0,
    fidelity: str = "exact",
    title: str = "t",
) -> Table:
    """Ours and others by their seconds for a thousand rows; the others take 4 s of CPU."""
    mine = Row(peers.OURS, "", 1000, [Run(ours, cpu, memory)], fidelity, ours=True)
    theirs = [Row(name, "", 1000, [Run(taken, 4.0, 50.0)], "exact") for name, taken in others.items()]
    return Table(title, [mine, *theirs])


def missed(found: Sequence[Gate]) -> list[str]:
    return [gate.about for gate in found if not gate.met]


POSTGRES = {peers.ADBC: 9.0, "dlt, connectorx": 13.0, "dlt, pyarrow": 40.0}


def test_postgres_meets_its_gates_at_the_very_ratios() -> None:
    found = gates.of_postgres([table(10.0, POSTGRES)])
    assert missed(found) == []
    assert [gate.measured for gate in found] == ["0.90", "1.30", "100 MB", "exact"]


@pytest.mark.parametrize(
    ("others", "about"),
    [
        ({**POSTGRES, peers.ADBC: 8.9}, "t: speed against ADBC"),
        ({**POSTGRES, "dlt, pyarrow": 12.9}, "t: speed against dlt, pyarrow"),
    ],
)
def test_postgres_misses_a_gate_just_below_its_ratio(others: dict[str, float], about: str) -> None:
    assert missed(gates.of_postgres([table(10.0, others)])) == [about]


def test_mysql_is_held_to_the_stream_of_connectorx_and_to_dlt() -> None:
    others = {peers.CONNECTORX: 9.0, "connectorx, whole": 1.0, "dlt, connectorx": 9.0}
    assert missed(gates.of_mysql([table(10.0, others)])) == []
    slower = {**others, peers.CONNECTORX: 8.9, "dlt, connectorx": 8.9}
    assert missed(gates.of_mysql([table(10.0, slower)])) == [
        "t: speed against connectorx, arrow_stream",
        "t: speed against dlt, connectorx",
    ]


def test_mongo_is_held_to_the_drain_and_to_a_quarter_of_the_cpu() -> None:
    others = {peers.DRAIN: 8.0, peers.JSON_UTIL: 90.0}
    assert missed(gates.of_mongo([table(10.0, others, cpu=1.0)])) == []
    assert missed(gates.of_mongo([table(10.0, others, cpu=1.1)])) == [
        "t: client CPU against pymongo, json_util"
    ]
    assert missed(gates.of_mongo([table(10.2, others)])) == [
        "t: speed against raw batches drained, nothing written"
    ]


def test_memory_is_bounded_and_does_not_grow_with_the_rows() -> None:
    few, many = table(1.0, {}, memory=200.0, title="few"), table(10.0, {}, memory=231.0, title="many")
    assert missed(gates.of_memory([few, many])) == ["many: memory against few"]
    large = table(1.0, {}, memory=301.0, title="few")
    assert missed(gates.of_memory([large, large])) == ["few: memory of headrace", "few: memory of headrace"]


def test_altered_values_of_ours_miss_a_gate_and_those_of_others_do_not() -> None:
    altered = table(1.0, {"polars": 1.0}, fidelity="altered: price")
    altered.rows[1].fidelity = "altered: price"
    assert missed(gates.of_files([altered])) == ["t: fidelity of headrace"]


def test_a_peer_that_failed_leaves_its_gate_red() -> None:
    failed = table(10.0, POSTGRES)
    failed.rows[1].error = "broke off"
    [gate] = [gate for gate in gates.of_postgres([failed]) if not gate.met]
    assert str(gate) == "MISSED: t: speed against ADBC: not measured, asked at least 0.9"


def test_ours_that_failed_misses_every_gate() -> None:
    failed = table(10.0, POSTGRES)
    failed.rows[0].error = "broke off"
    assert len(missed(gates.of_postgres([failed]))) == 4
