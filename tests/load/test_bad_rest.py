"""Bad answers of a REST API through the extract task's work: what it says, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.headrace.config import AnySource, RestSource, RestTable, Table
from include.headrace.errors import PassingError, SourceError
from include.headrace.session import Session
from tests.support.intake import Intake
from tests.support.scripted_api import Asked, Reply, ScriptedApi

BUSY = Reply(b"", 503, {"Retry-After": "86400"})
"""A server that asks for a day is left to the retry of the task at once, so that no test waits."""

PAGES = {"type": "page", "pages": "meta.pages"}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedApi]:
    api = ScriptedApi().start()
    yield api
    api.stop()


@pytest.fixture
def api(server: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> ScriptedApi:
    server.asked.clear()
    server.script.clear()
    monkeypatch.setenv("AIRFLOW_CONN_BAD_API", server.connection(login="ana", password="hunter2-key"))
    return server


class Orders(Intake):
    """One REST source of its own with the table ``orders``."""

    def rest(self, auth: dict[str, Any] | None = None, **fields: Any) -> tuple[AnySource, Table]:
        settings: dict[str, Any] = {
            "records": "data",
            "primary_key": ("id",),
            "disposition": "merge",
            "pagination": PAGES,
            **fields,
        }
        table = RestTable(name="orders", path="/orders", **settings)
        source = RestSource(
            name=self.name,
            kind="rest",
            connection="bad_api",
            auth=auth or {"type": "none"},
            tables=(table,),
        )
        return source, table

    def rows(self) -> list[tuple[Any, ...]]:
        return self.shop.rows('"ID", "PAYLOAD"')


def page(*numbers: int, pages: int = 2) -> Reply:
    return Reply({"data": [{"id": number, "n": number / 4} for number in numbers], "meta": {"pages": pages}})


@pytest.fixture
def intake(open_session: Callable[[], Session], tmp_path: Path) -> Orders:
    return Orders(open_session, tmp_path)


@pytest.fixture
def loaded(intake: Orders, api: ScriptedApi) -> Orders:
    """RAW has two orders from a load that went well."""
    api.script = [page(1, 2, pages=1)]
    intake.run(*intake.rest())
    as_loaded(intake, attempts=1)
    api.asked.clear()
    return intake


def as_loaded(intake: Orders, attempts: int = 2) -> None:
    intake.assert_only_the_attempt_is_left(1, [("1",), ("2",)], attempts=attempts)


REPEATED = {"type": "cursor", "next": "next"}
FAULTS: dict[str, tuple[list[Reply], dict[str, Any], str]] = {
    "no JSON": ([Reply(b"<html>Please sign in</html>")], {}, "Please sign in.*not JSON"),
    "no such endpoint": ([Reply({"error": "no route"}, 404)], {}, "answered 404.*no route"),
    "no such endpoint on page 2": ([page(1, 3), Reply(b"", 410)], {}, "page=2 answered 410"),
    "records are elsewhere": ([Reply({"items": []})], {}, "nothing at `data`.*'items'"),
    "records are no list": ([Reply({"data": {"id": 3}})], {}, "no list at `data`, but an object of 'id'"),
    "pages are not told": ([Reply({"data": []})], {}, "nothing at `meta.pages`"),
    "a number that is none": ([Reply(b'{"data": [{"id": 3, "n": NaN}]}')], {}, "NaN.*not JSON"),
    "a cursor that repeats": (
        [Reply({"data": [{"id": 3}], "next": "c"}), Reply({"data": [{"id": 4}], "next": "c"})],
        {"pagination": REPEATED},
        "the cursor 'c' at `next` a second time",
    ),
    "a page of another host": (
        [Reply({"data": [{"id": 3}]}, headers={"Link": '<http://other.example/>; rel="next"'})],
        {"pagination": {"type": "link"}},
        "another origin",
    ),
}


def test_a_fault_that_stays_is_told_and_leaves_raw_as_it_was(loaded: Orders, api: ScriptedApi) -> None:
    for number, (fault, (script, fields, told)) in enumerate(FAULTS.items(), 2):
        api.script = [*script]
        with pytest.raises(SourceError, match=f"(?s){told}"):
            loaded.run(*loaded.rest(**fields))
        assert api.script == [], fault
        as_loaded(loaded, attempts=number)


def test_a_fault_that_may_pass_leaves_raw_as_it_was(loaded: Orders, api: ScriptedApi) -> None:
    for number, script in enumerate(([BUSY], [page(1, 3), BUSY]), 2):
        api.script = [*script]
        with pytest.raises(PassingError, match="503"):
            loaded.run(*loaded.rest())
        as_loaded(loaded, attempts=number)


def test_wrong_credentials_are_permanent_and_not_told(
    loaded: Orders, api: ScriptedApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.handler = lambda asked: Reply({"error": "who are you", **asked.headers, **asked.parameters}, 401)
    caplog.set_level("DEBUG")
    auths = (
        {"type": "api_key", "parameter": "key"},
        {"type": "oauth2_client_credentials", "token_path": "/oauth"},
    )
    for number, auth in enumerate(auths, 2):
        with pytest.raises(SourceError, match=r"'bad_api'|does not take the login") as error:
            loaded.run(*loaded.rest(auth))
        assert "hunter2" not in str(error.value) + caplog.text
        as_loaded(loaded, attempts=number)


def test_an_expired_token_is_renewed_in_mid_read(loaded: Orders, api: ScriptedApi) -> None:
    given: list[str] = []

    def answer(asked: Asked) -> Reply:
        if asked.path == "/oauth/token":
            given.append(f"token-{len(given)}")
            return Reply({"access_token": given[-1], "token_type": "Bearer"})
        number = int(asked.parameters["page"])
        # From the second page on, only a second token is good.
        good = asked.headers["authorization"] == "Bearer token-1" or number == 1
        return page(2 * number, 2 * number + 1, pages=3) if good else Reply({"error": "expired"}, 401)

    api.handler = answer
    row = loaded.run(*loaded.rest({"type": "oauth2_client_credentials", "token_path": "/oauth/token"}))
    assert given == ["token-0", "token-1"]
    assert row["rows_extracted"] == 6
    assert [id_ for id_, _ in loaded.rows()] == ["1", "2", "3", "4", "5", "6", "7"]


def test_two_server_errors_an_empty_page_and_a_429_lose_no_row(loaded: Orders, api: ScriptedApi) -> None:
    api.script = [
        *[Reply(b"oops", 500)] * 2,
        page(1, 3, pages=4),
        page(pages=4),
        Reply(b"", 429),
        page(4, pages=4),
        Reply(b'{"data": [{"id": 9', told=500),
        page(5, pages=4),
    ]
    row = loaded.run(*loaded.rest())
    # Order 1 was there already.
    assert (row["rows_extracted"], row["rows_inserted"]) == (4, 3)
    assert [id_ for id_, _ in loaded.rows()] == ["1", "2", "3", "4", "5"]


def test_records_of_mixed_types_are_set_aside_and_the_others_load(intake: Orders, api: ScriptedApi) -> None:
    api.script = [
        Reply(b'{"data": [{"id": 1, "n": 1.10}, 5, {"id": [2]}], "meta": {"pages": 2}}'),
        Reply(b'{"data": [{"id": "3", "n": {"deep": [1, "a"]}}, {"n": 1}], "meta": {"pages": 2}}'),
    ]
    row = intake.run(*intake.rest())
    assert [row[n] for n in ("rows_extracted", "rows_staged", "rows_quarantined")] == [5, 2, 3]
    assert [id_ for id_, _ in intake.rows()] == ["1", "3"]
    aside = intake.shop.rows('"POSITION", "RECORD"', "ORDERS__QUARANTINE")
    assert aside == [
        ("page 1 record 2", "5"),
        ("page 1 record 3", '{"id": [2]}'),
        ("page 2 record 2", '{"n": 1}'),
    ]


def test_payloads_are_variants(intake: Orders, api: ScriptedApi) -> None:
    api.script = [Reply(b'{"data": [{"id": 1, "a": {"b": [1.10, "x"]}}], "meta": {"pages": 1}}')]
    intake.run(*intake.rest())
    [found] = intake.shop.query(f'SELECT "PAYLOAD":a.b[1]::varchar AS x FROM {intake.shop.table()}')
    assert list(found.values()) == ["x"]


def test_a_limit_in_prod_is_no_limit(
    intake: Orders, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_ENV", "prod")
    api.script = [page(1, 2), page(3)]
    row = intake.run(*intake.rest(limit=1))
    assert (row["rows_loaded"], row["sampled"]) == (3, False)
