"""PARSE_JSON and TRY_PARSE_JSON, as Snowflake documents them."""

from __future__ import annotations

import json

import pytest

from tests.local_snowflake.conftest import Client


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1, "b": 1}}',
        '[1, {"x": [{"k": null, "k": null}]}]',
        '{"a": 1',
        "{'a': 1}",
        "[1, 2",
        "word",
        "[" * 100_000,
    ],
    ids=["twice", "twice_inside", "twice_in_array", "open", "quotes", "array", "word", "deep"],
)
def test_text_that_is_no_json_or_has_a_key_twice_raises_100069(client: Client, text: str) -> None:
    client.run("create table t (s varchar, v variant)")
    client.rows("insert into t (s) values (%s)", text)
    assert client.error("select parse_json(s) from t").errno == 100069
    assert client.error("insert into t (v) select parse_json(s) from t").errno == 100069
    assert client.error("update t set v = parse_json(s)").errno == 100069
    assert client.rows("select try_parse_json(s), v from t") == [(None, None)]


def test_json_of_every_kind_is_parsed(client: Client) -> None:
    text = '{"a.b": 1, "a": {"b": [1, 2.5, "x", null, true]}, "b": {"a": 1}, "é": "\\u00e9\\n"}'
    assert json.loads(client.value("select parse_json(%s) as j", text)) == json.loads(text)
    assert json.loads(client.value("select try_parse_json(%s) as j", text)) == json.loads(text)
    assert client.value("select parse_json(%s):a.b[2]::varchar as j", text) == "x"
    assert client.value("select parse_json('12345678901234567890123') as j") == "12345678901234567890123"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
        ("-1234567890123456789012345678.0123456789", "-1234567890123456789012345678.0123456789"),
        ("[18446744073709551616, 1.10]", "[18446744073709551616,1.1]"),
        ("123456789012345678901234567890123456789", "1.2345678901234568e38"),
        ("0.123456789012345678901234567890123456789", "0.12345678901234568"),
        ("1.2345678901234567890e1", "12.345678901234567"),
    ],
)
def test_numbers_keep_38_digits_and_any_other_is_a_double(client: Client, text: str, kept: str) -> None:
    client.run("create table t (v variant)")
    client.rows("insert into t select parse_json(%s)", text)
    assert client.rows("select v from t") == [(kept,)]


def test_a_number_beyond_a_double_is_an_error(client: Client) -> None:
    assert client.error("select parse_json('1e999')").errno == 100069


def test_blank_text_and_null_are_null(client: Client) -> None:
    assert client.rows("select parse_json(''), parse_json(' \n'), parse_json(null), try_parse_json('')") == [
        (None, None, None, None)
    ]


def test_a_view_over_parse_json_checks_when_it_is_read(client: Client) -> None:
    client.run("create table t (s varchar)", "create view v as select parse_json(s) as j from t")
    client.run("insert into t values ('[1]')")
    assert client.value("select j from v") == "[1]"
    client.rows("insert into t values (%s)", '{"a": 1, "a": 1}')
    assert client.error("select * from v").errno == 100069


def test_count_leaves_out_the_null_of_json_and_is_not_null_does_not(client: Client) -> None:
    client.run("create table t (v variant, s varchar)")
    client.run("insert into t select parse_json('null'), 'null'")
    client.run("insert into t select parse_json('[null]'), null")
    client.run("insert into t values (null, '')")
    assert client.rows("select count(v), count_if(v is not null), count(s), count(*) from t") == [
        (1, 2, 2, 3)
    ]
    assert client.rows("select count(v) over () from t limit 1") == [(1,)]
    assert [name.upper() for name in client.dicts("select count(v) from t")[0]] == ["COUNT(V)"]
