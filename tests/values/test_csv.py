"""What fields, records and encodings of CSV can hold: equal in RAW, or in quarantine."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from include.headrace.config import CsvSource, CsvTable
from include.headrace.session import Session
from tests.values import csv_cases
from tests.values.case import Case
from tests.values.csv_cases import record
from tests.values.landing import by_landing, columns_of, intake_in
from tests.values.loading import Aside, Checked, check, load


def test_every_value_of_csv(
    open_session: Callable[[], Session], page: Callable[[str, Sequence[Checked]], None], tmp_path: Path
) -> None:
    def loaded(
        name: str, cases: Sequence[Case], end: bytes = b"\n", encoding: str = "utf-8", **fields: Any
    ) -> list[Checked]:
        columns = columns_of(cases)
        delimiter = fields.get("delimiter", ",")
        placed = by_landing(cases)
        records = [record(one, list(columns), delimiter) for one in placed]
        # A record begins on a line, and may go over several.
        numbers, line = {}, 2
        for one, text in zip(placed, records, strict=True):
            numbers[line] = one.number
            line += 1 + len(re.findall(b"\r\n|\r|\n", text))
        content = end.join([delimiter.join(["id", *columns]).encode(), *records])
        if "cp1252" not in encoding:
            content = content.decode("utf-8", "surrogateescape").encode(encoding, "surrogateescape")
        else:
            content = content.replace("€é".encode(), "€é".encode(encoding))
        intake = intake_in(open_session, tmp_path / name)
        (intake.folder / "cases.csv").write_bytes(content)
        table = CsvTable(name="items", path="*.csv", columns=columns, encoding=encoding, **fields)
        source = CsvSource(name=intake.name, kind="csv", location=str(intake.folder), tables=(table,))

        def number_of(aside: Aside) -> int:
            file, line = aside.position.split(":")
            assert file == "cases.csv"
            return numbers[int(line)]

        return check(load(intake, source, table), cases, number_of, place=by_landing)

    # A block of records that are all well is read by Arrow; any other is read record by record.
    well = [case for case in csv_cases.CASES if case.outcome == "equal" and not csv_cases.is_odd(case)]
    rest = [case for case in csv_cases.CASES if case not in well]
    found = loaded("well", well) + loaded("rest", rest)
    order = {id(case): number for number, case in enumerate(csv_cases.CASES)}
    found.sort(key=lambda one: order[id(one.case)])
    found += loaded("mark", csv_cases.MARK, end=b"\r\n", encoding="utf-8-sig", delimiter=";")
    found += loaded("wide", csv_cases.WIDE, end=b"\r", encoding="utf-16", delimiter="\t")
    found += loaded("latin", csv_cases.LATIN, encoding="latin-1", null_values=("NULL", "\\N"))
    found += loaded("windows", csv_cases.WINDOWS, encoding="cp1252")
    page("csv", found)
