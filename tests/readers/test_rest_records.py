"""REST records land as the API wrote them; what cannot be carried is set aside with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from include.headrace.config import RestSource, RestTable
from include.headrace.errors import SourceError
from include.headrace.readers.base import Span
from include.headrace.readers.http_bounds import bounds
from include.headrace.readers.rest import RestReader
from tests.support.clock import HandClock
from tests.support.reading import Read, read
from tests.support.scripted_api import Reply, ScriptedApi

ReadTable = Callable[..., Read]


@pytest.fixture
def read_orders(api: ScriptedApi) -> ReadTable:
    """Read the endpoint /orders, whose records stand at `data`."""

    def run(span: Span | None = None, **fields: Any) -> Read:
        table = RestTable(**{"name": "orders", "path": "/orders", "records": "data", **fields})
        source = RestSource(name="shop", kind="rest", connection="shop_api", tables=(table,))
        return read(RestReader(source, table, clock=HandClock()), span)

    return run


def body(*records: bytes) -> Reply:
    return Reply(b'{"data": [' + b", ".join(records) + b"]}")


def test_a_record_is_kept_to_the_letter(api: ScriptedApi, read_orders: ReadTable) -> None:
    records = [
        b'{"id": 1, "price": 1.10, "big": 12345678901234567890123456789012345678}',
        b'{"z":0.1,"a":{"x":[1, 2,3 ]},"id":2,"e":1e3, "t":"a\\u00e9\\n\xc3\xa9"}',
        b'{\n  "id": 3,\n  "n": null\n}',
    ]
    api.script = [body(*records)]
    found = read_orders(primary_key=("id",))
    assert [row["payload"] for row in found.rows] == [record.decode() for record in records]
    assert [row["id"] for row in found.rows] == ["1", "2", "3"]
    assert found.landing("payload") == "VARIANT"
    assert found.rejected == []


def test_columns_are_taken_out_by_path_and_type(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [body(b'{"id": 9007199254740993, "at": "2013-01-01T06:00:00.5Z", "shop": {"code": "EWR"}}')]
    found = read_orders(
        primary_key=("id",),
        columns={
            "at": "TIMESTAMP_TZ",
            "code": {"path": "shop.code"},
            "number": {"path": "id", "type": "NUMBER(38,0)"},
        },
    )
    [row] = found.rows
    assert row["id"] == "9007199254740993"
    assert row["number"] == 9007199254740993
    assert row["code"] == "EWR"
    assert row["at"] == datetime(2013, 1, 1, 6, 0, 0, 500_000, UTC)
    assert list(row) == ["id", "at", "code", "number", "payload"]


def test_records_at_fault_are_set_aside_with_page_and_number(
    api: ScriptedApi, read_orders: ReadTable
) -> None:
    api.script = [
        Reply(b'{"data": [{"id": 1}, 5, "text", null, [1]], "next": 1}'),
        Reply(b'{"data": [], "next": 2}'),
        Reply(
            b'{"data": [{"id": 2}, {"id": null}, {"id": {"$oid": 1}}, {"id": 3, "a": 1, "a": 2}], "next": 3}'
        ),
        Reply(b'{"data": [{"id": 4, "n": 1e999}, {"id": 5, "t": "\xff"}, {"id": 6}]}'),
    ]
    found = read_orders(primary_key=("id",), pagination={"type": "cursor", "next": "next"})
    assert [row["id"] for row in found.rows] == ["1", "2", "6"]
    aside = {one.position: (one.reason, one.record) for one in found.rejected}
    assert list(aside) == [
        *(f"page 1 record {number}" for number in (2, 3, 4, 5)),
        *(f"page 3 record {number}" for number in (2, 3, 4)),
        *(f"page 4 record {number}" for number in (1, 2)),
    ]
    assert aside["page 1 record 2"] == ("the document is no object", "5")
    assert aside["page 1 record 4"] == ("the document is no object", "null")
    assert aside["page 3 record 2"] == ("id: the key has no value", '{"id": null}')
    assert "holds an object" in aside["page 3 record 3"][0]
    assert "occurs twice" in aside["page 3 record 4"][0]
    assert "would be rounded" in aside["page 4 record 1"][0]
    assert aside["page 4 record 2"] == ("the record is not UTF-8", '{"id": 5, "t": "\\xff"}')
    assert found.extracted == 12


def test_half_of_a_surrogate_pair_spoils_its_record_alone(api: ScriptedApi, read_orders: ReadTable) -> None:
    halves = rb'{"id": 2, "t": "\ud800"}', rb'{"id": 3, "t": "\uDEB2\uD83D"}'
    whole = rb'{"id": 1, "t": "\ud83d\udeb2"}', rb'{"id": 4, "t": "\\ud800"}'
    api.script = [Reply(b'{"data": [%s, %s, %s, %s]}' % (whole[0], *halves, whole[1]))]
    found = read_orders(primary_key=("id",))
    assert [row["payload"] for row in found.rows] == [text.decode() for text in whole]
    reason = "half of a surrogate pair is no character"
    assert [(one.reason, one.record.lower()) for one in found.rejected] == [
        (reason, text.decode().lower()) for text in halves
    ]


def test_an_answer_with_its_list_twice_is_refused(api: ScriptedApi, read_orders: ReadTable) -> None:
    inner = b'{"id": 1, "data": {"data": 1}, "t": "\\"data\\""}'
    api.script = [Reply(b'{"n": {"data": []}, "data": [%s]}' % inner)]
    assert [row["id"] for row in read_orders(primary_key=("id",)).rows] == ["1"]
    api.script = [Reply(b'{"data": [{"id": 1}], "n": 2, "data": [{"id": 2}]}')]
    with pytest.raises(SourceError, match="gives 'data' twice in one object"):
        read_orders(primary_key=("id",))


def test_a_page_with_nan_is_no_json(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [body(b'{"id": 1, "price": NaN}')]
    with pytest.raises(SourceError, match="not JSON"):
        read_orders()


def test_fields_are_left_out(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [body(b'{"id": 1, "card": "4111", "price": 1.10}')]
    [row] = read_orders(exclude=("card",)).rows
    assert row["payload"] == '{"id":1,"price":1.10}'


@pytest.mark.parametrize(
    ("answer", "path", "told"),
    [
        ({"items": [], "meta": {}}, "data", "nothing at `data`: the answer is an object of 'items', 'meta'"),
        ({"data": {"orders": []}}, "data.items", "nothing at `data.items`: `data` is an object of 'orders'"),
        ({"data": [1]}, "data.items", "nothing at `data.items`: `data` is a list"),
        ({"data": {"items": []}}, "data", "no list at `data`, but an object of 'items'"),
        ({"data": None, "errors": ["no such shop"]}, "data", "no list at `data`, but 'null'"),
        ({"data": "none"}, "data", "no list at `data`, but '\"none\"'"),
        ({}, "data", "the answer is an object without fields"),
        ([], "data", "the answer is a list"),
        ({"data": []}, None, "no list in the answer itself, but an object of 'data'"),
        (5, None, "no list in the answer itself, but '5'"),
    ],
)
def test_records_that_are_no_list_are_told_with_what_is_there(
    api: ScriptedApi, read_orders: ReadTable, answer: Any, path: str | None, told: str
) -> None:
    api.script = [Reply(answer)]
    with pytest.raises(SourceError) as error:
        read_orders(records=path)
    assert told in str(error.value)
    assert "Correct `records`" in str(error.value)


INCREMENTAL = {
    "cursor": "at",
    "disposition": "append",
    "columns": {"at": "TIMESTAMP_TZ"},
    "incremental": {"since": "updated_since", "until": "updated_until"},
}


def test_the_span_is_asked_for_and_then_kept_exactly(api: ScriptedApi, read_orders: ReadTable) -> None:
    times = ["05:59:59", "06:00:00", "06:00:00.000001", "07:00:00", "08:00:00"]
    api.script = [body(*[json.dumps({"at": f"2013-01-01T{time}Z"}).encode() for time in times])]
    span = Span("2013-01-01 06:00:00+00:00", lower_inclusive=False, upper="2013-01-01 08:00:00+00:00")
    found = read_orders(span, **INCREMENTAL, parameters={"shop": 5})
    assert [row["at"].isoformat() for row in found.rows] == [
        "2013-01-01T06:00:00.000001+00:00",
        "2013-01-01T07:00:00+00:00",
    ]
    assert found.discarded == 3
    assert api.asked[0].parameters == {
        "shop": "5",
        "updated_since": "2013-01-01T06:00:00Z",
        "updated_until": "2013-01-01T08:00:00Z",
    }


def test_without_a_span_nothing_is_asked_for(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [body(b'{"at": "2013-01-01T06:00:00Z"}')]
    read_orders(**INCREMENTAL)
    assert api.asked[0].parameters == {}


def test_a_record_without_a_cursor_is_set_aside(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [body(b'{"at": null}', b'{"at": "2013-01-01T06:00:00Z"}', b'{"at": "yesterday"}')]
    found = read_orders(Span("2013-01-01 00:00:00+00:00"), **INCREMENTAL)
    assert len(found.rows) == 1
    assert [one.position for one in found.rejected] == ["page 1 record 1", "page 1 record 3"]


FROM, TO = "2013-01-02 03:04:05.006007+00:00", "2013-01-03 03:04:05.006007+00:00"
# 2013-01-02T03:04:05Z is 1,357,095,845 seconds after 1970.
SINCE = 1_357_095_845


@pytest.mark.parametrize(
    ("form", "kind", "lower", "upper", "expected"),
    [
        ("iso", "TIMESTAMP_TZ", FROM, TO, ("2013-01-02T03:04:05.006007Z", "2013-01-03T03:04:05.006007Z")),
        ("iso", "TIMESTAMP_TZ", "2013-01-02 03:04:05-05:00", None, ("2013-01-02T08:04:05Z", None)),
        ("iso", "TIMESTAMP_NTZ", "2013-01-02 03:04:05", None, ("2013-01-02T03:04:05Z", None)),
        ("iso", "DATE", "2013-01-02", "2013-01-03", ("2013-01-02", "2013-01-03")),
        ("date", "TIMESTAMP_TZ", FROM, TO, ("2013-01-02", "2013-01-04")),
        (
            "date",
            "TIMESTAMP_TZ",
            "2013-01-02 00:00:00+00:00",
            "2013-01-03 00:00:00+00:00",
            ("2013-01-02", "2013-01-03"),
        ),
        ("date", "DATE", "2013-01-02", "2013-01-03", ("2013-01-02", "2013-01-03")),
        ("unix", "TIMESTAMP_TZ", FROM, TO, (SINCE, SINCE + 86_400 + 1)),
        ("unix", "TIMESTAMP_TZ", "2013-01-02 03:04:05+00:00", "2013-01-02 03:04:05+00:00", (SINCE, SINCE)),
        ("unix", "TIMESTAMP_TZ", "1969-12-31 23:59:59.5+00:00", "1969-12-31 23:59:59.5+00:00", (-1, 0)),
        (
            "unix_ms",
            "TIMESTAMP_TZ",
            FROM,
            TO,
            (SINCE * 1000 + 6, (SINCE + 86_400) * 1000 + 7),
        ),
        (
            "iso",
            "TIMESTAMP_TZ(9)",
            "2013-01-02 03:04:05.000000999+00:00",
            "2013-01-02 03:04:05.000000999+00:00",
            ("2013-01-02T03:04:05Z", "2013-01-02T03:04:05.000001Z"),
        ),
        ("iso", "NUMBER(38,0)", "12345678901234567890", "5", (12345678901234567890, 5)),
        ("unix", "NUMBER(10,2)", "1.10", None, ("1.10", None)),
    ],
)
def test_bounds_are_rounded_outwards(
    form: str, kind: str, lower: str, upper: str | None, expected: tuple[Any, Any]
) -> None:
    table = RestTable(
        name="orders",
        path="/orders",
        cursor="at",
        disposition="append",
        columns={"at": kind},
        incremental={"since": "since", "until": "until", "format": form},
    )
    wanted = {
        name: value for name, value in zip(("since", "until"), expected, strict=True) if value is not None
    }
    assert bounds(table, Span(lower, upper=upper)) == wanted


def test_an_api_without_an_upper_bound_is_asked_for_none() -> None:
    table = RestTable(
        name="orders",
        path="/orders",
        cursor="id",
        disposition="append",
        columns={"id": "NUMBER(19,0)"},
        incremental={"since": "after"},
    )
    assert bounds(table, Span("5", upper="9")) == {"after": 5}


def test_a_sample_is_a_share_of_all_pages(api: ScriptedApi, read_orders: ReadTable) -> None:
    api.script = [
        Reply(
            {
                "data": [{"id": 100 * number + n} for n in range(100)],
                "next": number + 1 if number < 19 else None,
            }
        )
        for number in range(20)
    ]
    found = read_orders(pagination={"type": "cursor", "next": "next"}, sample=0.1)
    assert len(found.rows) + found.discarded == 2000
    assert 150 < len(found.rows) < 250


def test_a_window_is_counted_from_the_newest_record(api: ScriptedApi, read_orders: ReadTable) -> None:
    days = [Reply({"data": [{"at": f"2013-01-{day:02d}T00:00:00Z"}]}) for day in (1, 9, 10, 2)]
    pages = [Reply({**day.body, "next": number}) for number, day in enumerate(days[:-1], 1)] + days[-1:]
    # A window is read twice: once for the newest record.
    api.script = [*pages, *pages]
    found = read_orders(
        **{**INCREMENTAL, "window": "1d", "pagination": {"type": "cursor", "next": "next"}},
    )
    assert [row["at"].day for row in found.rows] == [9, 10]
    assert found.discarded == 2
