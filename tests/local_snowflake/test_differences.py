"""What docs/local-snowflake.md lists as differing without an error: the page must stay true.

None of these answers is Snowflake's. When one becomes right, its test goes and so does its line in the
page.
"""

from __future__ import annotations

import datetime

import pytest

from tests.local_snowflake.conftest import Client


def test_division_and_mean_of_numbers_are_floats(client: Client) -> None:
    client.run(
        "create table t as select 2::number(38,0) / 3 as q, avg(x) as a, div0(1, 0) as d from (select 1 as x)"
    )
    assert {row["type"] for row in client.dicts("describe table t")} == {"FLOAT"}


@pytest.mark.parametrize(
    ("expression", "here"),
    [
        ("2.5::float::int", 2),
        ("1.0::float::varchar", "1.0"),
        ("(0.1::float + 0.2::float)::varchar", "0.30000000000000004"),
        ("'2020-01-01'::timestamp_ntz::varchar", "2020-01-01 00:00:00"),
        ("""parse_json('{"b": 1, "a": 2}')::varchar""", '{"b":1,"a":2}'),
        ("""parse_json('{"a": 0.12345678901234567890}'):a::varchar""", "0.12345678901234568"),
        ("'2020-01-01 00:00:00.123456789'::timestamp_ntz", datetime.datetime(2020, 1, 1, 0, 0, 0, 123456)),
        (
            "'2020-01-01 00:00:00-05:00'::timestamp_tz",
            datetime.datetime(2020, 1, 1, 5, tzinfo=datetime.UTC),
        ),
        ("list_sum([1, 2])", 3),
    ],
)
def test_the_answer_is_not_snowflakes(client: Client, expression: str, here: object) -> None:
    answer = client.value(f"select {expression} as x")
    assert answer == here
    if isinstance(answer, datetime.datetime) and answer.tzinfo:
        assert answer.utcoffset() == datetime.timedelta(0)
