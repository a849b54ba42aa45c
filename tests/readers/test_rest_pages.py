"""REST tables are read to their true end, by every way of asking for the next page, and no further."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from include.headrace.config import RestSource, RestTable
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers.base import Span
from include.headrace.readers.rest import RestReader
from include.headrace.readers.rest_links import next_link
from include.headrace.readers.rest_pages import Seen
from tests.support.clock import HandClock
from tests.support.reading import Read, read
from tests.support.scripted_api import Asked, Reply, ScriptedApi

ReadTable = Callable[..., Read]

PAGE = {"type": "page", "size_parameter": "per_page", "size": 2}
PAGE_TOLD = {**PAGE, "pages": "meta.pages"}
OFFSET = {"type": "offset", "size": 10}
OFFSET_TOLD = {**OFFSET, "total": "meta.total"}
CURSOR = {"type": "cursor", "next": "meta.next"}
LINK = {"type": "link"}


@pytest.fixture
def read_orders(api: ScriptedApi) -> ReadTable:
    """Read the endpoint /orders, whose records have an id and stand at `data`."""

    def run(how: dict[str, Any], span: Span | None = None, **fields: Any) -> Read:
        settings = {"records": "data", "columns": {"id": "NUMBER(19,0)"}, "pagination": how, **fields}
        table = RestTable(name="orders", path="/orders", **settings)
        source = RestSource(name="shop", kind="rest", connection="shop_api", tables=(table,))
        return read(RestReader(source, table, clock=HandClock()), span)

    return run


def ids(found: Read) -> list[int]:
    return [int(row["id"]) for row in found.rows]


def page(*numbers: int, **more: Any) -> Reply:
    return Reply({"data": [{"id": number} for number in numbers], **more})


def sent(api: ScriptedApi, name: str) -> list[str | None]:
    return [asked.parameters.get(name) for asked in api.asked]


def sliced(total: int, most: int = 1000) -> Callable[[Asked], Reply]:
    """An API of ``total`` records that gives at most ``most`` at a time, whatever it is asked for."""

    def answer(asked: Asked) -> Reply:
        offset, limit = int(asked.parameters["offset"]), int(asked.parameters["limit"])
        end = min(offset + min(limit, most), total)
        return page(*range(offset, end), meta={"total": total})

    return answer


class TestOnePage:
    def test_the_answer_is_the_table(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1, 2, 3, next="more")]
        assert ids(read_orders({"type": "none"})) == [1, 2, 3]
        assert len(api.asked) == 1
        assert api.asked[0].parameters == {}

    def test_a_list_at_the_top(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [Reply([{"id": 1}, {"id": 2}])]
        assert ids(read_orders({"type": "none"}, records=None)) == [1, 2]

    def test_no_records_are_no_rows(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page()]
        found = read_orders({"type": "none"})
        assert found.rows == []
        assert found.table.schema.names == ["id", "payload"]

    def test_an_answer_without_content_is_no_rows(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [Reply(b"", 204)]
        assert read_orders({"type": "none"}).extracted == 0


class TestPageNumbers:
    def test_every_page_is_read_and_none_beyond(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [
            page(1, 2, meta={"pages": 3}),
            page(3, 4, meta={"pages": 3}),
            page(5, meta={"pages": 3}),
        ]
        assert ids(read_orders(PAGE_TOLD, parameters={"shop": 7})) == [1, 2, 3, 4, 5]
        assert sent(api, "page") == ["1", "2", "3"]
        assert sent(api, "per_page") == ["2"] * 3
        assert sent(api, "shop") == ["7"] * 3

    def test_a_last_page_as_long_as_the_others_is_the_last(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [page(1, 2, meta={"pages": 2}), page(3, 4, meta={"pages": 2})]
        assert ids(read_orders(PAGE_TOLD)) == [1, 2, 3, 4]

    def test_pages_that_begin_at_zero(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1, meta={"pages": 2}), page(2, meta={"pages": 2})]
        assert ids(read_orders({**PAGE_TOLD, "start": 0, "parameter": "p"})) == [1, 2]
        assert sent(api, "p") == ["0", "1"]

    def test_empty_pages_in_the_middle_do_not_end_the_read(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        told = {"pages": 5}
        api.script = [page(1, 2, meta=told), *[page(meta=told)] * 3, page(3, meta=told)]
        assert ids(read_orders(PAGE_TOLD)) == [1, 2, 3]

    def test_an_empty_page_that_tells_of_none_does_not_hide_the_rest(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [page(1, meta={"pages": 3}), page(meta={"pages": 0}), page(2, meta={"pages": 3})]
        assert ids(read_orders(PAGE_TOLD)) == [1, 2]

    def test_without_a_count_one_empty_page_in_the_middle_does_not_end_the_read(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [page(1, 2), page(), page(3), page(), page()]
        assert ids(read_orders(PAGE)) == [1, 2, 3]
        assert sent(api, "page") == ["1", "2", "3", "4", "5"]

    def test_short_pages_do_not_end_the_read(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1), page(2, 3, 4), page(5), page(), page()]
        assert ids(read_orders(PAGE)) == [1, 2, 3, 4, 5]

    def test_pages_that_come_while_reading_are_read(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1, meta={"pages": 1 + 1}), page(2, meta={"pages": 3}), page(3, meta={"pages": 3})]
        assert ids(read_orders(PAGE_TOLD)) == [1, 2, 3]

    def test_no_content_at_all(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [Reply(b"", 204)]
        assert read_orders(PAGE_TOLD).rows == []

    def test_an_api_that_gives_its_last_page_again_is_refused(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [page(1, 2)]
        api.handler = lambda asked: page(3)
        with pytest.raises(SourceError, match=r"page=3.* gives the very records of the page before"):
            read_orders(PAGE)
        assert len(api.asked) == 3

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ({"data": []}, r"nothing at `meta.pages`: the answer is an object of 'data'"),
            ({"data": [], "meta": {"total": 5}}, r"nothing at `meta.pages`: `meta` is an object of 'total'"),
            ({"data": [], "meta": {"pages": "many"}}, r"no count at `meta.pages`, but '\"many\"'"),
            ({"data": [], "meta": {"pages": None}}, r"no count at `meta.pages`, but 'null'"),
            ({"data": [], "meta": {"pages": -1}}, r"no count at `meta.pages`, but '-1'"),
            ({"data": [], "meta": [3]}, r"`meta` is a list"),
        ],
    )
    def test_a_count_that_is_not_there_is_told(
        self, api: ScriptedApi, read_orders: ReadTable, answer: Any, told: str
    ) -> None:
        api.handler = lambda asked: Reply(answer)
        with pytest.raises(SourceError, match=f"{told}.*Correct `pages`"):
            read_orders(PAGE_TOLD)

    def test_a_count_as_text_is_a_count(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1, meta={"pages": "2"}), page(2, meta={"pages": "2"})]
        assert ids(read_orders(PAGE_TOLD)) == [1, 2]


class TestOffsets:
    @pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 20, 25])
    @pytest.mark.parametrize("how", [OFFSET, OFFSET_TOLD])
    def test_every_record_is_read_once(
        self, api: ScriptedApi, read_orders: ReadTable, how: dict[str, Any], total: int
    ) -> None:
        api.handler = sliced(total)
        assert ids(read_orders(how)) == list(range(total))

    def test_nothing_is_asked_beyond_a_told_total(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.handler = sliced(20)
        read_orders(OFFSET_TOLD)
        assert sent(api, "offset") == ["0", "10"]
        assert sent(api, "limit") == ["10", "10"]

    @pytest.mark.parametrize("how", [OFFSET, OFFSET_TOLD])
    def test_an_api_that_gives_fewer_than_asked_for_loses_none(
        self, api: ScriptedApi, read_orders: ReadTable, how: dict[str, Any]
    ) -> None:
        api.handler = sliced(25, most=4)
        assert ids(read_orders(how)) == list(range(25))

    @pytest.mark.parametrize("how", [OFFSET, OFFSET_TOLD])
    def test_an_empty_page_in_the_middle_does_not_end_the_read(
        self, api: ScriptedApi, read_orders: ReadTable, how: dict[str, Any]
    ) -> None:
        told = {"total": 4}
        api.script = [page(1, 2, meta=told), page(meta=told), page(3, 4, meta=told), *[page(meta=told)] * 2]
        assert ids(read_orders(how)) == [1, 2, 3, 4]

    @pytest.mark.parametrize("given", [(1, 2), (1, 2, 3, 4)])
    def test_another_number_of_records_than_told_is_red(
        self, api: ScriptedApi, read_orders: ReadTable, given: tuple[int, ...]
    ) -> None:
        api.script = [page(*given, meta={"total": 3})]
        api.handler = lambda asked: page(meta={"total": 3})
        with pytest.raises(PassingError, match=f"told of 3 records at `meta.total`, and gave {len(given)}:"):
            read_orders(OFFSET_TOLD)

    def test_an_api_that_does_not_look_at_the_offset_is_refused(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.handler = lambda asked: page(1, 2)
        with pytest.raises(SourceError, match=r"very records of the page before.*`parameter`"):
            read_orders(OFFSET)


class TestCursors:
    @pytest.mark.parametrize(
        "end", [{}, {"meta": None}, {"meta": {}}, {"meta": {"next": None}}, {"meta": {"next": ""}}]
    )
    def test_a_cursor_leads_to_the_next_page_until_there_is_none(
        self, api: ScriptedApi, read_orders: ReadTable, end: dict[str, Any]
    ) -> None:
        api.script = [
            page(1, meta={"next": "a=+/é"}),
            page(2, meta={"next": 12345678901234567890}),
            page(3, **end),
        ]
        assert ids(read_orders({**CURSOR, "size_parameter": "n", "size": 1})) == [1, 2, 3]
        assert sent(api, "cursor") == [None, "a=+/é", "12345678901234567890"]
        assert sent(api, "n") == ["1"] * 3

    def test_empty_pages_in_the_middle_do_not_end_the_read(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [page(1, meta={"next": "b"}), *[page(meta={"next": c}) for c in "cde"], page(2)]
        assert ids(read_orders(CURSOR)) == [1, 2]

    def test_a_cursor_repeated_for_ever_is_named(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.handler = lambda asked: page(1, meta={"next": "again"})
        with pytest.raises(SourceError, match=r"the cursor 'again' at `meta.next` a second time"):
            read_orders(CURSOR)
        assert len(api.asked) == 2

    def test_a_circle_of_cursors_is_found(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.handler = lambda asked: page(1, meta={"next": (int(asked.parameters.get("cursor", 0)) + 1) % 7})
        with pytest.raises(SourceError, match="a second time"):
            read_orders(CURSOR)
        assert len(api.asked) <= 3 * 7

    def test_a_thousand_empty_pages_are_enough(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.handler = lambda asked: page(meta={"next": int(asked.parameters.get("cursor", 0)) + 1})
        with pytest.raises(SourceError, match="page 1001 in a row without a record"):
            read_orders(CURSOR)

    def test_a_full_first_page_without_the_field_is_refused(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.handler = lambda asked: page(1, 2, meta={"next": "b"})
        with pytest.raises(SourceError, match=r"full page of 2 records and has no field `meta.nxet`"):
            read_orders({**CURSOR, "next": "meta.nxet", "size_parameter": "n", "size": 2})

    def test_a_first_page_that_is_not_full_may_leave_the_field_out(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [page(1, 2)]
        assert ids(read_orders({**CURSOR, "size_parameter": "n", "size": 3})) == [1, 2]

    def test_a_cursor_that_is_an_object_is_told(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1, meta={"next": {"after": 5}})]
        with pytest.raises(SourceError, match=r"gives an object of 'after' at `meta.next`"):
            read_orders(CURSOR)


class TestLinks:
    def linked(self, url: str, *numbers: int) -> Reply:
        body = {"data": [{"id": number} for number in numbers]}
        return Reply(body, headers={"Link": f'<{url}>; rel="next", </orders?page=9>; rel="last"'})

    def test_links_lead_to_the_next_page_until_there_is_none(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [
            self.linked(f"{api.url}/orders?page=2", 1),
            self.linked("/orders?page=3&n=1", 2),
            self.linked("?page=4", 3),
            Reply({"data": [{"id": 4}]}, headers={"Link": '</orders?page=1>; rel="first"'}),
        ]
        found = read_orders({**LINK, "size_parameter": "n", "size": 1}, headers={"X-Shop": "7"})
        assert ids(found) == [1, 2, 3, 4]
        assert [(asked.path, asked.parameters) for asked in api.asked] == [
            ("/orders", {"n": "1"}),
            ("/orders", {"page": "2"}),
            ("/orders", {"page": "3", "n": "1"}),
            ("/orders", {"page": "4"}),
        ]
        assert [asked.headers["x-shop"] for asked in api.asked] == ["7"] * 4

    def test_an_empty_page_in_the_middle_does_not_end_the_read(
        self, api: ScriptedApi, read_orders: ReadTable
    ) -> None:
        api.script = [self.linked("?page=2", 1), self.linked("?page=3"), page(2)]
        assert ids(read_orders(LINK)) == [1, 2]

    def test_links_in_the_body(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1, links={"next": f"{api.url}/orders?page=2"}), page(2, links={"next": None})]
        assert ids(read_orders({**LINK, "next": "links.next"})) == [1, 2]
        assert sent(api, "page") == [None, "2"]

    def test_a_circle_of_links_is_named(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.handler = lambda asked: self.linked("/orders?page=2", 1)
        with pytest.raises(SourceError, match=r"the next page '/orders\?page=2' a second time"):
            read_orders(LINK)

    def test_a_link_to_another_host_is_not_followed(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.handler = lambda asked: self.linked("http://127.0.0.1:1/orders?page=2", 1)
        with pytest.raises(SourceError, match="another origin"):
            read_orders(LINK)

    @pytest.mark.parametrize("header", ["nonsense", '</a; rel="next"', '</a> rel="next"'])
    def test_a_header_that_is_no_link_is_told(
        self, api: ScriptedApi, read_orders: ReadTable, header: str
    ) -> None:
        api.script = [Reply({"data": []}, headers={"Link": header})]
        with pytest.raises(SourceError, match="a Link header that is none"):
            read_orders(LINK)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("</a>; rel=next", "/a"),
        ('</a>; rel="NEXT"', "/a"),
        ('</a>; rel="last next"', "/a"),
        ('</a>; REL = "next"', "/a"),
        ('</a>; rel="prev"; rel="next"', None),
        ('</a,b;c>; title="x, <y>; rel=next"; rel=prev, </d>;rel=next', "/d"),
        ('</a>; title="say \\"hi\\""; rel="next"', "/a"),
        ("</a>;rel=prev,</b>;rel=next,</c>;rel=next", "/b"),
        ("</a>; rel=nextpage", None),
        ("</a>, </b>; foo; rel=next", "/b"),
        (" , </b>;rel=next ,", "/b"),
    ],
)
def test_the_link_headers_of_rfc_8288(header: str, expected: str | None) -> None:
    assert next_link(header) == expected


@pytest.mark.parametrize(("lead", "circle"), [(0, 1), (0, 5), (3, 1), (10, 7), (1000, 3), (3, 1000)])
def test_a_circle_is_found_wherever_it_begins(lead: int, circle: int) -> None:
    seen = Seen()
    steps = 0
    value = 0
    while not seen.again(str(value)):
        steps += 1
        value = value + 1 if value + 1 < lead + circle else lead
        assert steps <= 3 * (lead + circle)


def test_what_never_repeats_is_no_circle() -> None:
    seen = Seen()
    assert not any(seen.again(str(number)) for number in range(10_000))


class TestLimit:
    @pytest.mark.parametrize(
        "how",
        [
            {"type": "page"},
            {"type": "offset", "size": 2},
            {"type": "cursor", "next": "meta.next"},
            {"type": "link", "next": "meta.next"},
        ],
    )
    def test_a_limit_stops_asking_for_more(
        self, api: ScriptedApi, read_orders: ReadTable, how: dict[str, Any]
    ) -> None:
        numbers = iter(range(1000))
        api.handler = lambda asked: page(
            next(numbers), next(numbers), meta={"next": f"/orders?c={len(api.asked)}"}
        )
        assert ids(read_orders(how, limit=4)) == [0, 1, 2, 3]
        assert len(api.asked) == 2

    def test_prod_has_no_limit(
        self, api: ScriptedApi, read_orders: ReadTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HEADRACE_ENV", "prod")
        api.script = [page(1, 2, meta={"next": 1}), page(3)]
        assert ids(read_orders({"type": "cursor", "next": "meta.next"}, limit=1)) == [1, 2, 3]

    def test_records_outside_the_span_do_not_count(self, api: ScriptedApi, read_orders: ReadTable) -> None:
        api.script = [page(1, 2, meta={"next": 1}), page(3, 4, meta={"next": 2}), page(5, 6)]
        found = read_orders(
            {"type": "cursor", "next": "meta.next"},
            Span(lower="3"),
            cursor="id",
            disposition="append",
            limit=2,
        )
        assert ids(found) == [3, 4]
        assert found.discarded == 2
        assert len(api.asked) == 2
