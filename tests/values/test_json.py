"""What lines, lists and encodings of JSON can hold: equal in RAW, or in quarantine."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from include.headrace.config import JsonSource, JsonTable
from include.headrace.session import Session
from tests.values import json_cases
from tests.values.case import Case
from tests.values.json_cases import Whole, document
from tests.values.landing import by_landing, declared, intake_in, out_of_payload
from tests.values.loading import Aside, Checked, check, load

Load = Callable[..., list[Checked]]


def number_of(aside: Aside) -> int:
    """The line, or the record of a list, is the row's number."""
    found = re.fullmatch(r"cases\.json(?::| record )(\d+)", aside.position)
    assert found, aside.position
    return int(found[1])


def documents(cases: Sequence[Case]) -> list[bytes]:
    return [document(one.case, one.number, one.column) for one in by_landing(cases)]


def test_every_value_of_json(
    open_session: Callable[[], Session], page: Callable[[str, Sequence[Checked]], None], tmp_path: Path
) -> None:
    def loaded(name: str, cases: Sequence[Case], content: bytes, **fields: Any) -> list[Checked]:
        intake = intake_in(open_session, tmp_path / name)
        (intake.folder / "cases.json").write_bytes(content)
        table = JsonTable(name="items", path="*.json", primary_key=("id",), columns=declared(cases), **fields)
        source = JsonSource(name=intake.name, kind="json", location=str(intake.folder), tables=(table,))
        return check(out_of_payload(load(intake, source, table), cases), cases, number_of, place=by_landing)

    # Blank lines are no documents, at the end as anywhere.
    lines = b"\n".join(documents(json_cases.CASES)) + b"\n\n \t\r\n"
    found = loaded("lines", json_cases.CASES, lines)
    # One list of the same, behind a byte order mark.
    mark = json_cases.UTF_8_WITH_MARK
    listed = [*(case for case in json_cases.SHARED if not isinstance(case.given, Whole)), *mark]
    content = b"\xef\xbb\xbf[\n" + b",\n".join(documents(listed)) + b"]"
    found += loaded("list", listed, content, format="list")[-len(mark) :]
    wide, windows = json_cases.UTF_16, json_cases.CP1252
    text = b"\n".join(documents(wide)).decode()
    found += loaded("wide", wide, text.encode("utf-16"), encoding="utf-16")
    [good, bad] = documents(windows)
    found += loaded("windows", windows, good.decode().encode("cp1252") + b"\n" + bad, encoding="cp1252")
    page("json", found)
