from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from include.headrace.demo.query import write_csv, write_table
from include.headrace.demo.summary import export_rows, layer_rows


def entry(kind: str, name: str, path: str, parents: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "unique_id": f"{kind}.shop.{name}",
        "resource_type": kind,
        "name": name,
        "package_name": "shop",
        "fqn": ["shop", name],
        "original_file_path": path,
        "depends_on": {"nodes": list(parents)},
        "config": {"materialized": "view"},
        **more,
    }


def manifest() -> dict[str, Any]:
    """A source with freshness, a seed, a staging model, a mart, and a test of each."""
    fresh = {"error_after": {"count": 1, "period": "day"}}
    source = entry("source", "raw.orders", "models/staging/s.yml", source_name="raw", freshness=fresh)
    source["name"] = "orders"
    nodes = [
        entry("seed", "codes", "seeds/codes.csv"),
        entry("model", "stg_orders", "models/staging/stg_orders.sql", (source["unique_id"],)),
        entry(
            "model", "fct_orders", "models/marts/fct_orders.sql", ("model.shop.stg_orders", "seed.shop.codes")
        ),
        entry("test", "orders_unique", "tests/a.sql", (source["unique_id"],)),
        entry("test", "stg_not_null", "tests/b.sql", ("model.shop.stg_orders",)),
        entry("test", "fct_rows", "tests/c.sql", ("model.shop.fct_orders", "model.shop.stg_orders")),
        entry("test", "fct_range", "tests/d.sql", ("model.shop.fct_orders",)),
        entry("test", "clock", "tests/e.sql"),
    ]
    return {
        "metadata": {"project_name": "shop"},
        "nodes": {node["unique_id"]: node for node in nodes},
        "sources": {source["unique_id"]: source},
        "unit_tests": {},
    }


TASKS = (
    "source__raw__orders.freshness",
    "tests.orders_unique",
    "codes.seed",
    "stg_orders.run",
    "tests.stg_not_null",
    "fct_orders.run",
    "tests.fct_rows",
    "tests.fct_range",
    "tests.clock",
)


def test_layers_are_listed_as_they_build_with_their_models_and_tests() -> None:
    rows = layer_rows(manifest(), dict.fromkeys(TASKS, "success"), warned=())
    assert rows[0] == ("sources", 0, 2, 2, 0, 0)
    assert set(rows) == {
        ("sources", 0, 2, 2, 0, 0),
        ("seeds", 1, 0, 0, 0, 0),
        ("staging", 1, 1, 1, 0, 0),
        ("marts", 1, 2, 2, 0, 0),
        ("tests", 0, 1, 1, 0, 0),
    }
    order = [row[0] for row in rows]
    assert order.index("staging") < order.index("marts") < order.index("tests")


def test_warnings_failures_and_what_was_held_back_are_told_apart() -> None:
    states: dict[str, str | None] = dict.fromkeys(TASKS, "success")
    states |= {"tests.stg_not_null": "failed", "fct_orders.run": "upstream_failed"}
    del states["tests.fct_rows"]
    rows = layer_rows(manifest(), states, warned={"tests.orders_unique"})
    found = {row[0]: row[1:] for row in rows}
    assert found["sources"] == (0, 2, 1, 1, 0)
    assert found["staging"] == (1, 1, 0, 0, 1)
    assert found["marts"] == (1, 2, 1, 0, 2)


def test_tables_align_numbers_right_and_spell_null_out() -> None:
    output = io.StringIO()
    write_table(["name", "rows", "share"], [("a", 1200, "75.5"), (None, 7, "3.0")], output)
    assert output.getvalue() == "name  rows  share\n----  ----  -----\na     1200   75.5\nNULL     7    3.0\n"


def test_a_table_without_rows_is_its_header() -> None:
    output = io.StringIO()
    write_table(["name"], [], output)
    assert output.getvalue() == "name\n----\n"


def test_csv_quotes_what_must_be_quoted() -> None:
    output = io.StringIO()
    write_csv(["a", "b"], [('x,"y"\n', None)], output)
    assert output.getvalue() == 'a,b\n"x,""y""\n",\n'


def test_exports_of_these_runs_are_listed_and_no_others(tmp_path: Path) -> None:
    for mart, run_id in (("fct_b", "now"), ("dim_a", "now"), ("dim_old", "before")):
        files = {"parquet": {"bytes": 10}, "csv": {"bytes": 20}}
        content = {"model": mart, "rows": 3, "run_id": run_id, "files": files}
        (tmp_path / mart).mkdir()
        (tmp_path / mart / "manifest.json").write_text(json.dumps(content))
    assert export_rows(tmp_path, ["now"]) == [("dim_a", 3, 10, 20), ("fct_b", 3, 10, 20)]
