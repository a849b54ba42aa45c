"""Where cases of documents and text stand: a row a case, and a column for each type that they land as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from include.headrace.session import Session
from tests.support.intake import Intake
from tests.values.case import Case, Placed
from tests.values.loading import Loaded

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def columns_of(cases: Sequence[Case]) -> dict[str, str]:
    """The columns of the cases and the type of each, such as ``c1: VARIANT``."""
    kinds = dict.fromkeys(case.lands for case in cases)
    return {f"c{number}": kind for number, kind in enumerate(kinds, start=1)}


def by_landing(cases: Sequence[Case]) -> list[Placed]:
    """Each case with its row's number, from 1, and the column of its type."""
    names = {kind: name for name, kind in columns_of(cases).items()}
    return [Placed(number, names[case.lands], case) for number, case in enumerate(cases, start=1)]


def declared(cases: Sequence[Case]) -> dict[str, str]:
    """The columns that a source file declares for documents: what lands as VARIANT stays in ``payload``."""
    return {name: kind for name, kind in columns_of(cases).items() if kind != "VARIANT"}


def out_of_payload(loaded: Loaded, cases: Sequence[Case]) -> Loaded:
    """The same with the values of cases that land as VARIANT taken out of ``payload``, as its JSON has them.

    A field that a document does not have is None, as a column would be.
    """
    [column] = [name for name, kind in columns_of(cases).items() if kind == "VARIANT"]
    raw = {}
    for number, row in loaded.raw.items():
        field = _fields(row["payload"]).get(column)
        raw[number] = {**row, column: None if field is None else bytes(field).decode()}
    assert loaded.types["payload"] == "VARIANT"
    return replace(loaded, raw=raw, types={**loaded.types, column: "VARIANT"})


def intake_in(open_session: Callable[[], Session], folder: Path) -> Intake:
    """A source of its own for one load, with an empty folder of its own."""
    folder.mkdir()
    return Intake(open_session, folder)
