"""The state machine of loads, a few examples of each disposition; `make faults` runs many more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from include.headrace.session import Session
from tests.faults import machine
from tests.load.conftest import open_session, snowflake

__all__ = ["open_session", "snowflake"]

FEW = settings(machine.settings_of(examples=1, steps=10), derandomize=True)


@pytest.mark.parametrize("disposition", [machine.Merged, machine.Appended, machine.Replaced])
def test_loads_in_any_order_with_crashes_leave_the_source_in_raw(
    disposition: type[machine.Loads],
    open_session: Callable[[], Session],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine.fused(monkeypatch)
    monkeypatch.setattr(disposition, "open_session", staticmethod(open_session), raising=False)
    monkeypatch.setattr(disposition, "folder", tmp_path, raising=False)
    run_state_machine_as_test(disposition, settings=FEW)
