"""What a run leaves as it was in its process, and what two runs must not share."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from include.headrace.transform import parsed, warm_worker
from include.headrace.transform.running import environment
from include.headrace.transform.warm_pool import Slot


def test_the_environment_is_as_before_however_a_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEFORE", "1")
    before = dict(os.environ)
    seen: dict[str, str] = {}
    try:
        with pytest.raises(ZeroDivisionError), environment({"OF_THE_RUN": "2"}):
            seen = dict(os.environ)
            raise ZeroDivisionError
        after = dict(os.environ)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert seen == {"OF_THE_RUN": "2"}
    assert after == before


def test_a_held_manifest_is_handed_out_once(tmp_path: Path) -> None:
    from dbt.contracts.graph.manifest import Manifest

    kept = tmp_path / "key" / "kept.msgpack"
    kept.parent.mkdir()
    kept.write_bytes(Manifest().to_msgpack())
    parsed.hold(kept)
    first = parsed.take(kept)
    second = parsed.take(kept)
    assert second is not first
    # Held in memory, so the file is not read: but for the one run alone.
    parsed.hold(kept)
    kept.unlink()
    parsed.take(kept)
    with pytest.raises(FileNotFoundError):
        parsed.take(kept)


@pytest.fixture
def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slot:
    """A slot with a short address; its worker checks often and is idle soon."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warm_worker, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(warm_worker, "IDLE_SECONDS", 0.2)
    return Slot(Path(), 0)


def test_a_worker_that_holds_too_much_memory_makes_room_for_a_fresh_one(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = []
    for most in (1 << 50, 1):
        monkeypatch.setattr(warm_worker, "MOST_MEMORY", most)
        with warm_worker._listen(slot) as listener, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(slot.address))
            client.close()
            goes_on.append(warm_worker.serve(listener, slot))
    assert goes_on == [False, True]


def test_an_idle_worker_ends(slot: Slot) -> None:
    with warm_worker._listen(slot) as listener:
        assert warm_worker.serve(listener, slot) is False
    # It ended by itself: nobody took its place.
    assert slot.address.exists()
