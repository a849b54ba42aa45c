from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from include.headrace.transform.result import NodeResult, read_nodes


@pytest.mark.parametrize(
    ("status", "message", "permanent"),
    [
        ("fail", "Got 3 results, configured to fail if != 0", True),
        ("error", "Compilation Error in model m: 'x' is undefined", True),
        ("error", "Database Error in model m\n  001003 (42000): SQL compilation error", True),
        ("error", "Database Error in model m\n  100038 (22018): Numeric value 'abc' is not recognized", True),
        ("error", "Database Error in model m\n  250001 (08001): Failed to connect to DB", False),
        ("error", "Database Error in model m\n  000625 (57014): Statement has locked table", False),
    ],
)
def test_only_what_may_pass_is_run_again(status: str, message: str, permanent: bool) -> None:
    result = NodeResult("model.shop.m", status, message, 0, "")
    assert result.failed
    assert result.permanent is permanent


@pytest.mark.parametrize("status", ["success", "pass", "warn"])
def test_a_warning_is_no_failure(status: str) -> None:
    assert not NodeResult("test.shop.t", status, "", 0, "").failed


@pytest.mark.parametrize(
    ("response", "rows"),
    [
        # A CREATE TABLE AS that inserted nothing: dbt-snowflake counts its one line of status.
        ({"code": "SUCCESS", "rows_affected": 1, "rows_inserted": 0, "rows_updated": 0}, 0),
        (
            {"code": "SUCCESS", "rows_affected": 2, "rows_inserted": 2, "rows_updated": 3, "rows_deleted": 1},
            6,
        ),
        ({"code": "SUCCESS", "rows_affected": 1}, None),
        ({"code": "INSERT", "rows_affected": 16}, 16),
        ({}, None),
    ],
)
def test_rows_are_what_the_statement_changed(
    tmp_path: Path, response: dict[str, Any], rows: int | None
) -> None:
    entry = {"unique_id": "model.shop.m", "status": "success", "adapter_response": response}
    (tmp_path / "run_results.json").write_text(json.dumps({"results": [entry]}))
    [node] = read_nodes(tmp_path)
    assert node.rows == rows


def test_the_query_of_a_failed_node_is_read_from_its_error(tmp_path: Path) -> None:
    query = "01b2c3d4-0a1b-2c3d-0000-123456789abc"
    told = "Database Error in model m (models/m.sql)\n  001003 (42000): {}SQL compilation error:\nx"
    entries = [
        {"unique_id": "model.shop.m", "status": "error", "adapter_response": {}, "message": told.format(part)}
        for part in (f"{query}: ", "")
    ]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": entries}))
    assert [(node.query_id, node.permanent) for node in read_nodes(tmp_path)] == [(query, True), ("", True)]
