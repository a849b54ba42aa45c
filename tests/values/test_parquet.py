"""Every value of a Parquet file arrives in RAW as it is, or its row is set aside with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from include.headrace.config import FileTable, ParquetSource
from tests.support.intake import Intake
from tests.values.case import placed
from tests.values.loading import Checked, check, load
from tests.values.parquet_cases import CASES, number_in, write


def test_every_value_arrives_equal_or_is_set_aside(
    intake: Intake, page: Callable[[str, Sequence[Checked]], None]
) -> None:
    files = intake.folder / "files"
    files.mkdir()
    write(files, placed(CASES))
    table = FileTable(name="items", path="*.parquet", primary_key=("id",))
    source = ParquetSource(name=intake.name, kind="parquet", location=str(files), tables=(table,))
    checked = check(load(intake, source, table), CASES, lambda aside: number_in(aside.record))
    page("parquet", checked)
