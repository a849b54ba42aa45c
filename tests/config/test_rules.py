"""What the fields of a table and of a schedule ask of one another."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from include.headrace.config import PostgresTable, Schedule, load_source
from tests.config.conftest import Errors

HEAD = "kind: postgres\nconnection: shop\n"


def of(*lines: str) -> str:
    return HEAD + "tables:\n  - name: orders\n" + "".join(f"    {line}\n" for line in lines)


def test_merge_needs_a_key(errors: Errors) -> None:
    [line] = errors(of("disposition: merge"))
    assert line == (
        "shop.yml:4: tables[0].primary_key: is missing, and merge finds rows by it; add it, or use replace."
    )


def test_append_needs_a_cursor_because_a_second_run_would_double_rows(errors: Errors) -> None:
    [line] = errors(of("disposition: append"))
    assert line == (
        "shop.yml:4: tables[0].cursor: is missing: without it a second run appends every row again; "
        "add it, or use replace or merge."
    )


def test_append_with_overlap_needs_a_key(errors: Errors) -> None:
    [line] = errors(of("disposition: append", "cursor: id", "overlap: 1h"))
    assert line == (
        "shop.yml:7: tables[0].overlap: reads rows again, and append without a key doubles them; "
        "add primary_key, or remove overlap."
    )


def test_overlap_needs_a_cursor(errors: Errors) -> None:
    [line] = errors(of("disposition: merge", "primary_key: [id]", "overlap: 1h"))
    assert line.startswith("shop.yml:7: tables[0].overlap: needs a cursor")


def test_replace_refuses_a_cursor_also_when_it_is_the_default(errors: Errors) -> None:
    [line] = errors(of("cursor: updated_at"))
    assert line.startswith(
        "shop.yml:5: tables[0].cursor: does nothing here: replace (the default disposition)"
    )


def test_window_needs_a_cursor(errors: Errors) -> None:
    [line] = errors(of("window: 7d"))
    assert line.startswith("shop.yml:5: tables[0].window: needs a cursor to look at")


@pytest.mark.parametrize("column", ["id", "updated_at"])
def test_exclude_may_not_name_key_or_cursor(errors: Errors, column: str) -> None:
    [line] = errors(
        of("disposition: merge", "primary_key: [id]", "cursor: updated_at", f"exclude: [{column}]")
    )
    assert line.startswith(f"shop.yml:8: tables[0].exclude: leaves out '{column}', which ")


@pytest.mark.parametrize(
    "lines",
    [
        ["disposition: replace"],
        ["disposition: merge", "primary_key: [id]"],
        ["disposition: merge", "primary_key: [id]", "cursor: at", "overlap: 1h", "window: 7d"],
        ["disposition: append", "cursor: id"],
        ["disposition: append", "cursor: id", "overlap: 0s"],
        ["disposition: append", "cursor: at", "overlap: PT1H", "primary_key: [id]"],
    ],
)
def test_sound_tables_are_taken(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "shop.yml"
    path.write_text(of(*lines))
    assert load_source(path).tables[0].name == "orders"


def test_rules_hold_for_models_made_in_code_too() -> None:
    with pytest.raises(ValidationError, match="merge finds rows by it"):
        PostgresTable(name="orders", disposition="merge")


SCHEDULES = [
    ('"@daily"', Schedule(cron="@daily")),
    ('"0 6 * * *"', Schedule(cron="0 6 * * *")),
    (
        "{cron: 0 6 * * 1-5, timezone: America/New_York}",
        Schedule(cron="0 6 * * 1-5", timezone="America/New_York"),
    ),
    ("{interval: 1h}", Schedule(interval=timedelta(hours=1))),
    ("{interval: PT90M}", Schedule(interval=timedelta(minutes=90))),
    ("{assets: [raw.other, finance]}", Schedule(assets=("raw.other", "finance"))),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), SCHEDULES)
def test_every_form_of_a_schedule_is_read(tmp_path: Path, text: str, expected: Schedule | None) -> None:
    (tmp_path / "other.yml").touch()
    path = tmp_path / "shop.yml"
    path.write_text(HEAD + f"schedule: {text}\ntables: [{{name: a}}]\n")
    assert load_source(path).schedule == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily", "schedule.cron: is not a cron expression ('daily'); write five fields"),
        ('"@dayly"', "schedule.cron: is an unknown preset (@dayly); use one of @hourly, @daily"),
        ('"@once"', "schedule.cron: is an unknown preset (@once)"),
        ("0 6 * * * *", "schedule.cron: is not a cron expression ('0 6 * * * *'); write five fields"),
        ("0 25 * * *", "schedule.cron: is not a cron expression that ever fires"),
        ("0 0 31 2 *", "schedule.cron: is not a cron expression that ever fires"),
        ("{}", "schedule: says no time; give one of cron, interval and assets"),
        ("{timezone: UTC}", "schedule: says no time; give one of cron, interval and assets"),
        ("{cron: 0 6 * * *, interval: 1h}", "schedule.interval: stands beside cron; keep exactly one"),
        ("{cron: 0 6 * * *, timezone: Mars/Base}", "schedule.timezone: is not a time zone ('Mars/Base')"),
        ("{interval: 1h, timezone: UTC}", "schedule.timezone: means something for cron only"),
        ("{interval: 0s}", "schedule.interval: is no time at all"),
        ("{interval: 3600}", "schedule.interval: is a number without a unit"),
        ("{crom: 0 6 * * *}", "schedule.crom: is not a field here; did you mean `cron`?"),
        ("{assets: [raw.shop]}", "schedule.assets: waits for raw.shop, which this source itself gives"),
        (
            "{assets: [raw.othr]}",
            "schedule.assets[0]: is an asset that no source gives; did you mean `raw.other`?",
        ),
        ("5", "schedule: is not a mapping"),
    ],
)
def test_wrong_schedules_are_refused(errors: Errors, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "other.yml").touch()
    lines = errors(HEAD + f"schedule: {text}\ntables: [{{name: a}}]\n")
    assert any(line.startswith(f"shop.yml:3: {expected}") for line in lines), lines


def test_more_readers_than_the_source_bears_are_refused_because_the_task_would_wait_for_ever(
    errors: Errors,
) -> None:
    [line] = errors(of("readers: 5"))
    assert line.startswith(
        "shop.yml:5: tables[0].readers: is 5, and `concurrency` lets only 4 read the source at once"
    )
    [line] = errors(HEAD + "concurrency: 2\ntables:\n  - name: orders\n    readers: 3\n")
    assert line.startswith("shop.yml:6: tables[0].readers: is 3, and `concurrency` lets only 2 read")


def test_as_many_readers_as_the_source_bears_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "shop.yml"
    path.write_text(HEAD + "concurrency: 6\ntables:\n  - name: orders\n    readers: 6\n  - name: items\n")
    tables = load_source(path).tables
    assert [table.readers for table in tables if isinstance(table, PostgresTable)] == [6, 1]


@pytest.mark.parametrize(("given", "said"), [("0", "greater than or equal to 1"), ("17", "to 16")])
def test_readers_are_1_to_16(errors: Errors, given: str, said: str) -> None:
    [line] = errors(HEAD + f"concurrency: 20\ntables:\n  - name: orders\n    readers: {given}\n")
    assert line.startswith("shop.yml:6: tables[0].readers: must be ") and said in line


def test_a_table_that_is_read_page_by_page_has_no_readers(errors: Errors) -> None:
    lines = errors(
        "kind: rest\nconnection: shop\ntables:\n  - name: orders\n    path: /orders\n    readers: 2\n"
    )
    assert any(line.startswith("shop.yml:6: tables[0].readers: is not a field here") for line in lines)


def test_deletes_are_for_merge_and_find_something(errors: Errors) -> None:
    [line] = errors(of("primary_key: [id]", "deletes: {marker: gone}"))
    assert line.startswith("shop.yml:6: tables[0].deletes: is for merge only")
    [line] = errors(of("disposition: merge", "primary_key: [id]", "deletes: {action: remove}"))
    assert line.startswith("shop.yml:7: tables[0].deletes: finds no deleted row")


def test_max_shrink_is_for_tables_from_which_rows_are_taken(errors: Errors) -> None:
    [line] = errors(of("disposition: merge", "primary_key: [id]", "max_shrink: 0.2"))
    assert line.startswith("shop.yml:7: tables[0].max_shrink: bounds what replace")


def test_max_quarantined_is_a_number_or_a_share(errors: Errors) -> None:
    [line] = errors(of("max_quarantined: many"))
    assert line.startswith("shop.yml:5: tables[0].max_quarantined: is no limit; write a number of rows")
