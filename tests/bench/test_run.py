"""A real run: servers, runners and files at a few thousand rows. No figure of it is asserted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import making, peers, servers
from bench.datasets import WIDE
from bench.environments import OWN
from bench.fidelity import compare
from bench.peers import Peer
from bench.results import Table
from bench.side_by_side import SideBySide

ROWS = 3000
ADBC = Peer(peers.ADBC, "adbc", OWN, "adbc-driver-postgresql")
BROKEN = Peer("broken", "connector_x", OWN, "pyarrow", {"return_type": "no such type"})
MISSING = Peer("missing", "adbc", "adbc", "adbc-driver-postgresql")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Ours, ADBC and two peers that cannot run, over the wide table in PostgreSQL."""
    home = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "DATA", home / "data")
        bench = SideBySide(2, lambda text: None, home / "work")
        bench.not_installed[MISSING.environment] = "cannot be installed here: no wheel"
        with servers.postgres(home) as server:
            table = servers.fill_postgres(server, WIDE, ROWS)
            reference = making.reference(WIDE, ROWS)
            job = {**servers.address(server).fields(), "table": table}
            return bench.measure(
                "wide",
                [peers.HEADRACE, ADBC, BROKEN, MISSING],
                job,
                ROWS,
                lambda peer, folder: compare(WIDE, reference, folder),
            )


def test_ours_and_a_peer_extract_every_value(measured: Table) -> None:
    for name in (peers.OURS, peers.ADBC):
        row = measured.row(name)
        assert row is not None
        assert row.fidelity == "exact"
        assert len(row.runs) in (1, 2)
        assert all(run.seconds > 0 and run.cpu_seconds > 0 and run.memory_mb > 0 for run in row.runs)


def test_a_peer_that_fails_is_shown_as_failing_and_stops_nobody(measured: Table) -> None:
    errors = {row.peer: row.error for row in measured.rows}
    assert errors[peers.OURS] is None
    assert errors[peers.ADBC] is None
    assert errors["missing"] == "cannot be installed here: no wheel"
    assert errors["broken"]


def test_the_password_of_a_server_is_not_in_an_error(tmp_path: Path) -> None:
    from bench.environments import Environment
    from bench.measuring import RunFailed, run

    job = {"kind": "postgres", "table": "t", "folder": str(tmp_path), "host": "127.0.0.1", "port": 1}
    with pytest.raises(RunFailed) as failed:
        run(Environment(OWN), "adbc", {**job, "user": "u", "password": "s3cret", "database": "s3cret"})
    assert "s3cret" not in str(failed.value)
    assert os.environ.get("PGPASSWORD") is None
