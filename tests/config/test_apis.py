"""REST and GraphQL sources: what is wrong in `auth`, `pagination` and what is sent, field by field."""

from __future__ import annotations

from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from include.headrace.config import RestSource, load_source
from include.headrace.config.apis import ApiKey, NextLink, PageNumber
from include.headrace.config.json_schema import source_schema
from tests.config.conftest import Errors

HEAD = "kind: rest\nconnection: shop\n"
TABLE = "tables:\n  - name: orders\n    path: /orders\n"


def table(*lines: str) -> str:
    """A file of one table whose further fields begin in line 6."""
    return HEAD + TABLE + "".join(f"    {line}\n" for line in lines)


TYPES = "known are api_key, basic, bearer, none, oauth2_client_credentials."
HOWS = "known are cursor, link, none, offset, page."


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (
            "{type: api_kei, header: X-Key}",
            "auth.type: is not a type that is known (api_kei); did you mean `api_key`?",
        ),
        ("{type: kerberos}", f"auth.type: is not a type that is known (kerberos); {TYPES}"),
        ("{type: [basic]}", "auth.type: is not a type that is known (['basic']); did you mean `basic`?"),
        ("{header: X-Key}", f"auth.type: is required but missing; {TYPES}"),
        ("bearer", "auth: is not a mapping; write `field: value` lines below it."),
        ("{type: api_key}", "auth.header: is missing; give header or parameter, such as header: X-Api-Key."),
        (
            "{type: api_key, header: A, parameter: b}",
            "auth.parameter: stands beside header; keep one of them.",
        ),
        ("{type: api_key, header: 5}", "auth.header: is a number to YAML, not text; write it in quotes."),
        ("{type: api_key, heade: A}", "auth.heade: is not a field here; did you mean `header`?"),
        ("{type: bearer, token: hunter2}", "auth.token: is not a field here; known are type."),
        (
            "{type: oauth2_client_credentials}",
            "auth.token_path: is required but missing; add it. It is: Where tokens are given: a path on the "
            "API's host, such as /oauth/token, or a whole URL.",
        ),
    ],
)
def test_a_wrong_auth_names_the_field_as_the_file_writes_it(errors: Errors, auth: str, expected: str) -> None:
    lines = errors(f"{HEAD}auth: {auth}\n{TABLE}")
    assert f"shop.yml:3: {expected}" in lines
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("{type: cursr, next: a}", "type: is not a type that is known (cursr); did you mean `cursor`?"),
        ("{type: seek}", f"type: is not a type that is known (seek); {HOWS}"),
        ("{next: meta.next}", f"type: is required but missing; {HOWS}"),
        (
            "{type: cursor}",
            "next: is required but missing; add it. It is: Where an answer holds the next cursor, such as "
            "meta.next_cursor.",
        ),
        ("{type: page, start: -1}", "start: must be greater than or equal to 0; change it."),
        ("{type: offset, size: 0}", "size: must be greater than or equal to 1; change it."),
        ("{type: offset, size: '5'}", "size: is not a whole number; write one, without quotes."),
        ("{type: link, siz: 5}", "siz: is not a field here; did you mean `size`?"),
        (
            "{type: page, size: 50}",
            "size: is not sent: add size_parameter, the parameter that carries it, or remove size.",
        ),
    ],
)
def test_a_wrong_pagination_names_the_field_as_the_file_writes_it(
    errors: Errors, how: str, expected: str
) -> None:
    assert f"shop.yml:6: tables[0].pagination.{expected}" in errors(table(f"pagination: {how}"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2013-01-01", "is not text, a number or a truth value; write one, a date in quotes."),
        ("[1]", "is not text, a number or a truth value; write one, a date in quotes."),
        ("", "is not text, a number or a truth value; write one, a date in quotes."),
        (".nan", "is no finite number; write it in quotes if the API knows it."),
    ],
)
def test_a_parameter_that_no_query_can_carry_is_told_once(errors: Errors, value: str, expected: str) -> None:
    assert errors(table(f"parameters: {{day: {value}}}")) == [
        f"shop.yml:6: tables[0].parameters.day: {expected}"
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["parameters: {page: 3}", "pagination: {type: page}"],
            "shop.yml:7: tables[0].pagination.parameter: sends the parameter 'page', as parameters.page "
            "does; keep one.",
        ),
        (
            ["pagination: {type: offset, parameter: n, limit_parameter: n}"],
            "shop.yml:6: tables[0].pagination.limit_parameter: sends the parameter 'n', as "
            "pagination.parameter does; keep one.",
        ),
        (
            [
                "disposition: append",
                "cursor: at",
                "columns: {at: TIMESTAMP_TZ}",
                "incremental: {since: at, until: at}",
            ],
            "shop.yml:9: tables[0].incremental.until: sends the parameter 'at', as incremental.since "
            "does; keep one.",
        ),
    ],
)
def test_a_parameter_is_sent_by_one_field(errors: Errors, lines: list[str], expected: str) -> None:
    assert errors(table(*lines)) == [expected]


@pytest.mark.parametrize("path", ["orders", "https://api/orders", "/orders?page=1", "/orders#top"])
def test_a_path_is_below_the_connections_address(errors: Errors, path: str) -> None:
    [line] = errors(f"{HEAD}tables:\n  - name: orders\n    path: {path!r}\n")
    assert line.startswith("shop.yml:5: tables[0].path: is not a path below the connection's address")


SOUND = """
kind: rest
connection: shop
auth: {type: api_key, header: X-Api-Key}
requests_per_second: 5
tables:
  - name: orders
    path: /v1/orders
    parameters: {open: true, shop: 5, since: "2013-01-01", share: 0.5}
    records: data
    pagination: {type: page, parameter: p, size_parameter: n, size: 50, pages: meta.pages}
  - name: items
    path: /v1/items
    pagination: {type: link, next: links.next}
"""


def test_a_sound_file_is_read_and_fits_the_json_schema(tmp_path: Path) -> None:
    (tmp_path / "shop.yml").write_text(SOUND)
    source = load_source(tmp_path / "shop.yml")
    assert isinstance(source, RestSource)
    assert source.auth == ApiKey(type="api_key", header="X-Api-Key")
    orders, items = source.tables
    assert orders.pagination == PageNumber(
        type="page", parameter="p", size_parameter="n", size=50, pages="meta.pages"
    )
    assert orders.parameters == {"open": True, "shop": 5, "since": "2013-01-01", "share": 0.5}
    assert orders.parameters["open"] is True
    assert items.pagination == NextLink(type="link", next="links.next")
    jsonschema.validate(yaml.safe_load(SOUND), source_schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type: api_key", "type: magic"),
        ("type: link", "type: cursor, nxt: a"),
        ("shop: 5", "shop: [5]"),
        ("size: 50", "size: 0"),
    ],
)
def test_the_json_schema_refuses_what_the_models_refuse(old: str, new: str, errors: Errors) -> None:
    text = SOUND.replace(old, new)
    assert text != SOUND
    assert errors(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), source_schema())
