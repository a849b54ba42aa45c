"""The project's own source files, the JSON Schema, and the reading of the whole folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from include.headrace import settings
from include.headrace.config import (
    CsvSource,
    CsvTable,
    ParquetSource,
    PostgresSource,
    Schedule,
    load_source,
    load_sources,
    source_names,
)
from include.headrace.config.json_schema import SCHEMA_FILE, schema_text, source_schema
from include.headrace.config.kinds import KINDS
from include.headrace.errors import ConfigError
from include.headrace.readers.text_types import declared

FILES = sorted(settings.SOURCES_DIR.glob("*.yml"))
HINT = "# yaml-language-server: $schema=../headrace/source.schema.json\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = source_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schema_file_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "include/headrace/source.schema.json is stale; run python -m include.headrace schema"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_source_file_names_the_schema_and_fits_it(path: Path, validator: Draft202012Validator) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(HINT)
    assert (path.parent / "../headrace/source.schema.json").resolve() == SCHEMA_FILE
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


def test_the_demo_has_a_source_of_every_kind() -> None:
    sources = load_sources()
    assert [source.name for source in sources] == [path.stem for path in FILES] == source_names()
    assert sorted(source.kind for source in sources) == sorted(KINDS)


def _properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for model, definition in schema["$defs"].items():
        assert definition["description"], model
        for name, field in definition["properties"].items():
            yield f"{model}.{name}", field


def test_every_field_has_a_description() -> None:
    fields = dict(_properties(source_schema()))
    assert len(fields) > 40
    assert [name for name, field in fields.items() if not field.get("description")] == []


def document(**fields: Any) -> dict[str, Any]:
    return {"kind": "postgres", "connection": "shop", "tables": [{"name": "orders"}], **fields}


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "@daily"},
        {"schedule": {"cron": "0 6 * * *", "timezone": "America/New_York"}},
        {"schedule": {"interval": "1h"}},
        {"schedule": {"assets": ["raw.other"]}},
        {"schedule": None},
        {
            "tables": [
                {"name": "a", "disposition": "merge", "primary_key": ["id"], "cursor": "t", "overlap": "PT1H"}
            ]
        },
        {"tables": [{"name": "a", "schema": "sales", "limit": 10, "sample": 0.5}]},
    ],
)
def test_the_schema_takes_what_the_models_take(
    fields: dict[str, Any], validator: Draft202012Validator
) -> None:
    assert [error.message for error in validator.iter_errors(document(**fields))] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "oracle"},
        {"name": "shop"},
        {"shedule": "@daily"},
        {"schedule": 5},
        {"schedule": {"interval": "1 hour"}},
        {"tables": []},
        {"tables": [{"name": "a", "disposition": "merge"}]},
        {"tables": [{"name": "a", "disposition": "append"}]},
        {"tables": [{"name": "a", "overlap": 60}]},
        {"tables": [{"name": "a", "sample": 2}]},
    ],
)
def test_the_schema_refuses_what_the_models_refuse(
    fields: dict[str, Any], validator: Draft202012Validator
) -> None:
    assert list(validator.iter_errors(document(**fields)))


def test_operations_is_read_as_written() -> None:
    source = load_source(settings.SOURCES_DIR / "operations.yml")
    assert isinstance(source, PostgresSource)
    assert source.name == "operations"
    assert source.connection == "operations_postgres"
    assert source.schedule == Schedule(cron="0 6 * * *", timezone="America/New_York")
    [table] = source.tables
    assert (table.name, table.db_schema, table.disposition, table.contract) == (
        "flights",
        "public",
        "merge",
        "evolve",
    )
    assert table.primary_key == ("year", "month", "day", "carrier", "flight", "origin")
    assert (table.cursor, table.overlap) == ("updated_at", timedelta(hours=1))


def test_the_files_are_below_one_folder_that_a_deployment_can_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_FILES", raising=False)
    assert _locations() == [".local/sources/archive", ".local/sources/reference"]
    monkeypatch.setenv("HEADRACE_FILES", "s3://lake/headrace")
    assert _locations() == ["s3://lake/headrace/archive", "s3://lake/headrace/reference"]


def _locations() -> list[str]:
    return [source.location for source in load_sources() if isinstance(source, (CsvSource, ParquetSource))]


def test_the_errors_of_all_files_come_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SOURCES_DIR", tmp_path)
    (tmp_path / "one.yml").write_text("kind: csb\n")
    (tmp_path / "two.yml").write_text("")
    (tmp_path / "three.yaml").write_text("kind: csv\n")
    with pytest.raises(ConfigError) as caught:
        load_sources()
    text = str(caught.value)
    assert "one.yml:1: kind: " in text
    assert "two.yml:1: The file is empty" in text
    assert "three.yaml: The file would be passed over; rename it to end in .yml." in text


def test_the_names_are_had_without_reading_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SOURCES_DIR", tmp_path)
    (tmp_path / "b.yml").write_bytes(b"\xff not yaml")
    (tmp_path / "a.yml").touch()
    assert source_names() == ["a", "b"]


def test_reading_the_sources_imports_neither_airflow_nor_arrow() -> None:
    code = (
        "import sys; from include.headrace.config import load_sources; load_sources();"
        "print(sorted({'airflow', 'pyarrow', 'duckdb', 'dbt', 'snowflake.connector'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "kind",
    [
        "BOOLEAN", "DATE", "FLOAT", "VARCHAR", "BINARY", "VARIANT", "TIME", "TIME(3)", "NUMBER(38,0)",
        "NUMBER(9)", "NUMBER(10,2)", "TIMESTAMP_NTZ", "TIMESTAMP_TZ(9)",
    ],
)  # fmt: skip
def test_every_declared_type_that_is_taken_can_be_read(kind: str) -> None:
    table = CsvTable(name="orders", path="orders.csv", columns={"value": kind})
    field, _ = declared("value", table.columns["value"])
    assert field.name == "value"
