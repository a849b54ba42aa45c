"""Bad JSON files through the extract task's work: what is set aside, and what leaves RAW as it was."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.headrace.config import AnySource, JsonSource, JsonTable, Table
from include.headrace.errors import SourceError
from include.headrace.session import Session
from tests.support.intake import Intake


class Orders(Intake):
    """One source of its own, with the JSON files of the table ``orders``."""

    @property
    def files(self) -> Path:
        folder = self.folder / "files"
        folder.mkdir(exist_ok=True)
        return folder

    def json(self, path: str = "*.ndjson", **fields: Any) -> tuple[AnySource, Table]:
        table = JsonTable(name="orders", path=path, primary_key=("id",), **fields)
        return JsonSource(name=self.name, kind="json", location=str(self.files), tables=(table,)), table


@pytest.fixture
def intake(open_session: Callable[[], Session], tmp_path: Path) -> Orders:
    return Orders(open_session, tmp_path)


@pytest.fixture
def loaded(intake: Orders) -> Orders:
    """RAW has two orders from a load that went well."""
    path = intake.files / "first.ndjson"
    path.write_text('{"id": 1}\n{"id": 2}\n')
    intake.run(*intake.json())
    intake.assert_only_the_attempt_is_left(1, [("1",), ("2",)], attempts=1)
    path.unlink()
    return intake


def assert_refused(loaded: Orders, told: str, *args: Any, **fields: Any) -> None:
    with pytest.raises(SourceError, match=told):
        loaded.run(*loaded.json(*args, **fields))
    loaded.assert_only_the_attempt_is_left(1, [("1",), ("2",)], attempts=2)


def test_a_broken_line_is_set_aside_with_its_place_and_the_others_load(loaded: Orders) -> None:
    lines = ['{"id": 3, "n": 1.50}', '{"id": 4, "n":', '{"id": 5, "id": 5}', '{"id": 6, "n": {"x": null}}']
    (loaded.files / "second.ndjson").write_text("\n".join(lines))
    row = loaded.run(*loaded.json())
    assert [row[name] for name in ("rows_extracted", "rows_staged", "rows_quarantined")] == [4, 2, 2]
    # A document that is a VARIANT comes back as JSON.
    found = loaded.shop.rows('"ID", "PAYLOAD"')
    assert [(key, json.loads(payload)) for key, payload in found] == [
        ("3", {"id": 3, "n": 1.5}),
        ("6", {"id": 6, "n": {"x": None}}),
    ]
    aside = loaded.shop.rows('"POSITION", "RECORD", "REASON"', "ORDERS__QUARANTINE")
    assert [(position, record) for position, record, _ in aside] == [
        ("second.ndjson:2", lines[1]),
        ("second.ndjson:3", lines[2]),
    ]
    assert "not JSON" in aside[0][2]
    assert "occurs twice" in aside[1][2]


def test_documents_of_mixed_types_load_each_as_it_is(loaded: Orders) -> None:
    lines = ['{"id": "a", "v": 1}', '{"id": 2, "v": "1"}', '{"id": true, "v": [1, {}]}', "7", '{"id": [1]}']
    (loaded.files / "second.ndjson").write_text("\n".join(lines))
    row = loaded.run(*loaded.json())
    assert [row[name] for name in ("rows_extracted", "rows_staged", "rows_quarantined")] == [5, 3, 2]
    values = {key: json.loads(payload)["v"] for key, payload in loaded.shop.rows('"ID", "PAYLOAD"')}
    assert values == {"2": "1", "a": 1, "true": [1, {}]}


def test_a_list_with_a_broken_value_changes_nothing(loaded: Orders) -> None:
    (loaded.files / "second.json").write_text('[{"id": 3}, {"id": 4, "n": tru}, {"id": 5}]')
    assert_refused(loaded, r"second\.json record 2 is no JSON", "*.json", format="list")


def test_a_list_that_was_cut_short_changes_nothing(loaded: Orders) -> None:
    (loaded.files / "first.json").write_text('{"data": [{"id": 3}]}')
    (loaded.files / "second.json").write_text('{"data": [{"id": 4}, {"id": 5}')
    assert_refused(
        loaded, r"second\.json, character 31: .*cut short", "*.json", format="list", records="data"
    )


def test_a_list_read_as_lines_changes_nothing(loaded: Orders) -> None:
    (loaded.files / "second.ndjson").write_text('[\n{"id": 3},\n{"id": 4}\n]\n')
    assert_refused(loaded, "set format to list")


def test_a_packed_file_that_was_cut_short_changes_nothing(loaded: Orders) -> None:
    packed = gzip.compress("".join(f'{{"id": {number}}}\n' for number in range(1000)).encode())
    (loaded.files / "second.ndjson.gz").write_bytes(packed[:-20])
    assert_refused(loaded, r"second\.ndjson\.gz cannot be unpacked", "*.gz")


def test_no_file_changes_nothing(loaded: Orders) -> None:
    assert_refused(loaded, "No file matches")
