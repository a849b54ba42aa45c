"""A dbt project of any number of models with three tests each, for the local Snowflake or any other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from include.headrace import settings

WIDTH = 10
"""Models side by side: a model reads the one before it in its column, and that one's neighbour."""
FIRST = "first"
"""The tag of the models that read no other."""
ROWS = 100
TESTS_OF_A_MODEL = 3
PROJECT = {
    "name": "generated",
    "config-version": 2,
    "profile": "headrace",
    "flags": {"send_anonymous_usage_stats": False},
    "models": {"generated": {"+materialized": "table", "+schema": "GENERATED"}},
}
SCHEMA_NAMES = """{% macro generate_schema_name(custom_schema_name, node) -%}
{{ custom_schema_name or target.schema }}
{%- endmacro %}
"""


def write(folder: Path, models: int) -> None:
    """Write a project of so many models into ``folder``, which is new."""
    for name in ("models", "macros"):
        (folder / name).mkdir(parents=True)
    # A JSON document is a YAML document too.
    (folder / "dbt_project.yml").write_text(json.dumps(PROJECT, indent=1))
    (folder / "macros" / "generate_schema_name.sql").write_text(SCHEMA_NAMES)
    shutil.copy(settings.DBT_DIR / "profiles.yml", folder)
    for number in range(models):
        (folder / "models" / f"{name_of(number)}.sql").write_text(_sql(number))
    entries = [_entry(number) for number in range(models)]
    (folder / "models" / "models.yml").write_text(json.dumps({"version": 2, "models": entries}, indent=1))


def name_of(number: int) -> str:
    """The name of a model."""
    return f"m{number:04}"


def parents_of(number: int) -> list[int]:
    """The models that one reads: none in the first row, then two."""
    if number < WIDTH:
        return []
    row, column = divmod(number, WIDTH)
    return [(row - 1) * WIDTH + column, (row - 1) * WIDTH + (column + 1) % WIDTH]


def _sql(number: int) -> str:
    parents = [name_of(parent) for parent in parents_of(number)]
    if not parents:
        return (
            f"select seq4() as id, mod(seq4(), 7) + {number} as amount\n"
            f"from table(generator(rowcount => {ROWS}))\n"
        )
    left, right = parents
    return (
        f"select l.id, mod(l.amount + r.amount, 1000) as amount\nfrom {{{{ ref('{left}') }}}} as l\n"
        f"join {{{{ ref('{right}') }}}} as r on r.id = l.id\n"
    )


def _entry(number: int) -> dict[str, object]:
    columns = [
        {"name": "id", "data_tests": ["unique", "not_null"]},
        {"name": "amount", "data_tests": ["not_null"]},
    ]
    entry: dict[str, object] = {
        "name": name_of(number),
        "description": f"Generated model {number}.",
        "columns": columns,
    }
    return entry if parents_of(number) else {**entry, "config": {"tags": [FIRST]}}
