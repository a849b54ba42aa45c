"""A GraphQL API that fails, through extract and load: the right rows, or RAW and LOADS as they were."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.headrace.demo.api.server import DemoApi
from include.headrace.demo.seeding.package import package_file
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers import graphql
from include.headrace.readers.http_retry import Patience
from include.headrace.session import Session
from tests.support.demo_api import airlines_table, demo_api
from tests.support.intake import Intake


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoApi]:
    with demo_api(tmp_path_factory.mktemp("bad-graphql")) as server:
        yield server


@pytest.fixture
def api(running: DemoApi, monkeypatch: pytest.MonkeyPatch) -> DemoApi:
    """The server without faults. A read gives up soon, so that no test waits for minutes."""
    running.control({"requests_per_second": None})
    monkeypatch.setattr(graphql, "Patience", functools.partial(Patience, tries=3, first_wait_seconds=0.01))
    return running


class Airlines(Intake):
    """One source of its own with the table ``airlines``, loaded once."""

    def load(self) -> dict[str, Any]:
        source, table = airlines_table(size=5)
        return self.run(source.model_copy(update={"name": self.name}), table)

    def rows(self) -> list[tuple[Any, ...]]:
        return self.shop.rows('"CODE", "PAYLOAD", "_LOAD_ID"', "AIRLINES")


@pytest.fixture
def loaded(open_session: Callable[[], Session], tmp_path: Path, api: DemoApi) -> Airlines:
    made = Airlines(open_session, tmp_path)
    made.load()
    return made


@pytest.fixture(scope="module")
def airlines() -> list[tuple[str, dict[str, str]]]:
    with package_file("airlines.csv").open(newline="") as file:
        rows = [
            (row["carrier"], {"code": row["carrier"], "name": row["name"]}) for row in csv.DictReader(file)
        ]
    assert len(rows) == 16
    return rows


def fails(api: DemoApi, *faults: dict[str, Any]) -> None:
    api.control({"faults": [{"path": "/graphql", **fault} for fault in faults]})


def assert_as_it_was(loaded: Airlines, error: type[Exception], told: str) -> str:
    """A further load fails as told, and RAW and LOADS are as the first one left them; what it said."""
    rows, loads = loaded.rows(), loaded.shop.loads()
    assert (len(rows), len(loads)) == (16, 1)
    with pytest.raises(error, match=told) as caught:
        loaded.load()
    assert loaded.rows() == rows
    assert loaded.shop.loads() == loads
    assert len(loaded.shop.attempts("extract")) == 2
    return str(caught.value)


@pytest.mark.parametrize("wrong", [{"password": "hunter2-wrong"}, {"login": "nobody"}])
def test_wrong_credentials_are_permanent_and_not_told(
    loaded: Airlines,
    api: DemoApi,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wrong: dict[str, str],
) -> None:
    fields = json.loads(api.connections()["carriers_api"])
    monkeypatch.setenv("AIRFLOW_CONN_CARRIERS_API", json.dumps({**fields, **wrong}))
    said = assert_as_it_was(loaded, SourceError, "carriers_api") + caplog.text
    assert "hunter2" not in said
    assert api.credentials.client_secret not in said


def test_a_server_that_is_down_may_come_back(
    loaded: Airlines, api: DemoApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fields = json.loads(api.connections()["carriers_api"])
    monkeypatch.setenv("AIRFLOW_CONN_CARRIERS_API", json.dumps({**fields, "port": free_port()}))
    said = assert_as_it_was(loaded, PassingError, "reachable") + caplog.text
    assert api.credentials.client_secret not in said


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        ({"kind": "drop", "times": None}, PassingError, "tried 3 times"),
        ({"kind": "status", "status": 503, "times": None}, PassingError, "503"),
        ({"kind": "graphql_error", "code": "THROTTLED", "times": None}, PassingError, "THROTTLED"),
        ({"kind": "graphql_error", "code": "FORBIDDEN"}, SourceError, "cannot be read.*FORBIDDEN"),
        ({"kind": "graphql_error", "beside_data": False}, SourceError, "cannot be read"),
        ({"kind": "repeat_cursor", "times": None}, SourceError, "a second time"),
        ({"kind": "null_cursor"}, SourceError, "no endCursor"),
    ],
)
def test_a_fault_in_mid_read_leaves_everything_as_it_was(
    loaded: Airlines,
    api: DemoApi,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    fails(api, {**fault, "after": 2})
    said = assert_as_it_was(loaded, error, told) + caplog.text
    assert api.credentials.client_secret not in said
    assert "Bearer" not in said


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop"},
        {"kind": "status", "status": 500, "times": 2},
        {"kind": "status", "status": 429},
        {"kind": "graphql_error", "code": "THROTTLED"},
        {"kind": "expire_tokens"},
        {"kind": "empty_page"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_fault_that_passes_ends_with_the_right_rows(
    loaded: Airlines, api: DemoApi, airlines: Any, fault: dict[str, Any]
) -> None:
    fails(api, {**fault, "after": 2})
    load = loaded.load()
    assert [load[name] for name in ("rows_extracted", "rows_loaded", "rows_quarantined")] == [16, 16, 0]
    found = loaded.rows()
    assert [(code, json.loads(payload)) for code, payload, _ in found] == airlines
    assert {load_id for _, _, load_id in found} == {load["load_id"]}
    assert len(loaded.shop.loads()) == 2
