"""Wrong fields and values: the file, the line, the field, what is wrong and what to write."""

from __future__ import annotations

import pytest

from tests.config.conftest import Errors

KINDS = "csv, graphql, json, mongo, mysql, parquet, postgres, rest"
HEAD = "kind: postgres\nconnection: shop\n"


def table(*lines: str) -> str:
    """A file of one table whose further fields begin in line 5."""
    return HEAD + "tables:\n  - name: orders\n" + "".join(f"    {line}\n" for line in lines)


def test_a_missing_kind_lists_the_kinds(errors: Errors) -> None:
    assert errors("connection: shop\n") == [
        f"shop.yml:1: kind: is required but missing; the kinds are {KINDS}."
    ]


@pytest.mark.parametrize("kind", ["postgress", "oracle", "5", "[csv]"])
def test_an_unknown_kind_lists_the_kinds(errors: Errors, kind: str) -> None:
    [line] = errors(f"# note\nkind: {kind}\n")
    assert line.startswith("shop.yml:2: kind: is not a kind that is known (")
    assert line.endswith(f"the kinds are {KINDS}.")


def test_a_near_miss_of_a_kind_is_suggested(errors: Errors) -> None:
    assert "did you mean `postgres`?" in errors("kind: postgress\n")[0]


def test_all_errors_of_a_file_come_at_once_in_its_order(errors: Errors) -> None:
    text = """
        kind: postgres
        shedule: "@daily"
        tags: urgent
        tables:
          - name: orders
            disposition: merge
            cursr: updated_at
            sample: 2
          - name: items
            disposition: upsert
            limit: 0
          - name: Orders
        """
    assert errors(text) == [
        "shop.yml:1: connection: is required but missing; add it. It is: The id of the Airflow connection "
        "that "
        "holds address and login.",
        "shop.yml:2: shedule: is not a field here; did you mean `schedule`?",
        "shop.yml:3: tags: is not a list; write it as [a, b], or one `- item` a line.",
        "shop.yml:5: tables[0].primary_key: is missing, and merge finds rows by it; add it, or use replace.",
        "shop.yml:7: tables[0].cursr: is not a field here; did you mean `cursor`?",
        "shop.yml:8: tables[0].sample: must be less than or equal to 1; change it.",
        "shop.yml:10: tables[1].disposition: is not one of 'append', 'merge' or 'replace'; choose one of "
        "them.",
        "shop.yml:11: tables[1].limit: must be greater than or equal to 1; change it.",
        "shop.yml:12: tables[2].name: becomes ORDERS in RAW, as 'orders' does; keep one, or put one of "
        "them in a "
        "source file of its own.",
    ]


def test_a_field_unlike_any_lists_the_fields(errors: Errors) -> None:
    [line] = errors(HEAD + "zzz: 1\ntables: [{name: a}]\n")
    assert line == (
        "shop.yml:3: zzz: is not a field here; known are concurrency, connection, kind, schedule, tables, "
        "tags, tunnel."
    )


@pytest.mark.parametrize("item", ["on", "5", "2013-01-01", "1.5"])
def test_a_name_that_yaml_reads_as_something_else_is_to_be_quoted(errors: Errors, item: str) -> None:
    [line] = errors(table(f"primary_key: [{item}]"))
    assert line.startswith("shop.yml:5: tables[0].primary_key[0]: is ")
    assert line.endswith("not text; write it in quotes.")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sample: 0", "sample: must be greater than 0; change it."),
        ("sample: .nan", "sample: must be a finite number; change it."),
        ("sample: true", "sample: is not a number; write one, without quotes."),
        ('limit: "5"', "limit: is not a whole number; write one, without quotes."),
        ("limit: true", "limit: is not a whole number; write one, without quotes."),
        ("contract: loose", "contract: is not one of 'evolve', 'freeze' or 'discard'; choose one of them."),
        ("primary_key: id", "primary_key: is not a list; write it as [a, b], or one `- item` a line."),
        ("primary_key: [id, id]", "primary_key: names 'id' twice; keep one."),
        ('exclude: [""]', "exclude[0]: must have at least 1 character; change it."),
        (
            "overlap: 60",
            "overlap: is a number without a unit; write it as 10m, 2h, 1d, 1h30m, or in ISO 8601 as PT10M.",
        ),
    ],
)
def test_a_wrong_value_says_what_to_write(errors: Errors, line: str, expected: str) -> None:
    assert errors(table(line)) == [f"shop.yml:5: tables[0].{expected}"]


def test_no_tables_are_refused(errors: Errors) -> None:
    assert errors(HEAD + "tables: []\n") == [
        "shop.yml:3: tables: names no table; add one, or remove the file."
    ]


def test_a_table_that_is_no_mapping_is_refused(errors: Errors) -> None:
    assert errors(HEAD + "tables:\n  - orders\n") == [
        "shop.yml:4: tables[0]: is not a mapping; write `field: value` lines below it."
    ]


def test_concurrency_below_one_is_refused(errors: Errors) -> None:
    [line] = errors(HEAD + "concurrency: 0\ntables: [{name: a}]\n")
    assert line == "shop.yml:3: concurrency: must be greater than or equal to 1; change it."


def test_a_uri_in_place_of_a_connection_id_is_refused_and_not_repeated(errors: Errors) -> None:
    [line] = errors("kind: postgres\nconnection: postgresql://ana:hunter2@db/shop\ntables: [{name: a}]\n")
    assert line.startswith("shop.yml:2: connection: is not a connection id; ")
    assert "hunter2" not in line


def test_two_tables_that_become_one_in_raw_are_refused(errors: Errors) -> None:
    [line] = errors(HEAD + "tables:\n  - name: order items\n  - name: Order-Items\n")
    assert line.startswith("shop.yml:5: tables[1].name: becomes ORDER_ITEMS in RAW, as 'order items' does;")


def test_a_table_that_becomes_a_quarantine_is_refused(errors: Errors) -> None:
    [line] = errors(HEAD + "tables:\n  - name: orders__quarantine\n")
    assert line.startswith("shop.yml:4: tables[0].name: becomes ORDERS__QUARANTINE, and __QUARANTINE ends ")


def test_a_table_name_too_long_with_what_the_ledger_adds_is_refused(errors: Errors) -> None:
    [line] = errors(HEAD + f"tables:\n  - name: {'a' * 244}\n")
    assert line.startswith("shop.yml:4: tables[0].name: is too long")


CSV = "kind: csv\nlocation: data\ntables:\n  - name: orders\n    path: orders.csv\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("delimiter: '||'", "delimiter: must be one character"),
        ("delimiter: ''", "delimiter: must be one character"),
        ("delimiter: '\"'", "delimiter: must be one character"),
        ("encoding: utf-9", "encoding: is not a text encoding ('utf-9')"),
        ("encoding: rot13", "encoding: is not a text encoding ('rot13')"),
        (
            "columns: {id: 'NUMBER(39,0)'}",
            "columns.id: is not a type that text can be read as ('NUMBER(39,0)')",
        ),
        (
            "columns: {id: 'NUMBER(2,3)'}",
            "columns.id: is not a type that text can be read as ('NUMBER(2,3)')",
        ),
        ("columns: {id: INTEGR}", "columns.id: is not a type that text can be read as ('INTEGR')"),
    ],
)
def test_wrong_csv_options_are_refused(errors: Errors, line: str, expected: str) -> None:
    [text] = errors(CSV + f"    {line}\n")
    assert text.startswith(f"shop.yml:6: tables[0].{expected}")


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/a.csv", "s3://bucket/a.csv", ""])
def test_a_path_outside_the_location_is_refused(errors: Errors, path: str) -> None:
    [text] = errors(f"kind: csv\nlocation: data\ntables:\n  - name: orders\n    path: '{path}'\n")
    assert text.startswith("shop.yml:5: tables[0].path: must be a pattern below `location`")


def test_an_error_in_an_anchor_used_twice_is_told_for_both_tables(errors: Errors) -> None:
    text = """
        kind: postgres
        connection: shop
        tables:
          - &first {name: orders, limit: 0}
          - <<: *first
            name: items
        """
    assert errors(text) == [
        "shop.yml:4: tables[0].limit: must be greater than or equal to 1; change it.",
        "shop.yml:5: tables[1].limit: must be greater than or equal to 1; change it.",
    ]
