from __future__ import annotations

import json
import threading
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from snowflake.connector.errors import DatabaseError

from tests.local_snowflake.conftest import Client
from tests.support.snowflake import LocalSnowflake, start_local_snowflake


def token(client: Client) -> str:
    """The session token of a client."""
    assert client.connection.rest is not None
    assert client.connection.rest.token is not None
    return str(client.connection.rest.token)


def post(server: LocalSnowflake, session_token: str, request_id: str, text: str) -> dict[str, Any]:
    """Send one query-request as the connector does."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/queries/v1/query-request?requestId={request_id}",
        data=json.dumps({"sqlText": text}).encode(),
        headers={"Authorization": f'Snowflake Token="{session_token}"', "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
        found: dict[str, Any] = json.loads(answer.read())
        return found


def test_a_repeated_request_id_runs_once_and_gets_the_same_answer(
    server: LocalSnowflake, client: Client
) -> None:
    client.run("create table t (a int)")
    request_id = str(uuid.uuid4())
    answers = [post(server, token(client), request_id, "insert into t values (1)") for _ in range(3)]
    assert answers[0]["success"]
    assert answers[1:] == answers[:1] * 2
    assert client.rows("select * from t") == [(1,)]


def test_a_request_repeated_while_the_first_runs_waits_for_it(
    server: LocalSnowflake, client: Client, connect: Callable[..., Client]
) -> None:
    client.run("create table t (a int)", "insert into t values (0)", "begin", "update t set a = 1")
    other = connect()
    request_id = str(uuid.uuid4())
    answers: list[dict[str, Any]] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(post(server, token(other), request_id, "update t set a = a + 10"))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    client.run("commit")
    for thread in threads:
        thread.join(20)
    assert [answer["success"] for answer in answers] == [True, True]
    assert client.rows("select a from t") == [(11,)]


def test_an_error_that_nobody_expected_is_an_sql_error_and_no_http_500(
    server: LocalSnowflake, client: Client
) -> None:
    for text in [
        "select",
        "select * from",
        "\x00",
        "select $$",
        "copy into",
        "put",
        "show",
        "begin x y z",
        "use",
        "",
    ]:
        answer = post(server, token(client), str(uuid.uuid4()), text)
        assert not answer["success"]
        assert answer["message"]


def test_a_request_without_a_session_is_told_to_sign_in(server: LocalSnowflake) -> None:
    assert post(server, "nonsense", str(uuid.uuid4()), "select 1")["code"] == "390104"


def test_sign_in_checks_user_and_password(tmp_path: Path) -> None:
    names = {"HEADRACE_LOCAL_SNOWFLAKE_USER": "headrace", "HEADRACE_LOCAL_SNOWFLAKE_PASSWORD": "right one"}
    server = start_local_snowflake(tmp_path, environment=names)
    try:
        for login in ({"password": "wrong"}, {"user": "other", "password": "right one"}):
            with pytest.raises(DatabaseError) as caught:
                server.connect(**login)
            assert "Incorrect username or password was specified" in str(caught.value)
        connection = server.connect(password="right one")
        assert Client(connection).value("select current_user()") == "HEADRACE"
        connection.close()
    finally:
        server.stop()


def test_a_large_result_comes_in_parts_whose_addresses_are_secret(client: Client) -> None:
    cursor = client.connection.cursor()
    cursor.execute(
        "SELECT SEQ4() AS ID, REPEAT('x', 400) AS T FROM TABLE(GENERATOR(ROWCOUNT => 50000)) ORDER BY ID"
    )
    parts = cursor.get_result_batches() or []
    assert sum(part.rowcount for part in parts) == cursor.rowcount == 50_000
    assert len(parts) == 3
    assert [row[0] for row in cursor.fetchall()] == list(range(50_000))
    remote = parts[1]._remote_chunk_info
    assert remote is not None
    address = remote.url
    assert httpx.get(address).status_code == 200
    beginning, secret, number = address.rsplit("/", 2)
    assert len(secret) > 30
    assert httpx.get(f"{beginning}/{'x' * len(secret)}/{number}").status_code == 404
    assert httpx.get(f"{beginning}/{secret}/3").status_code == 404
    client.connection.close()
    assert httpx.get(address).status_code == 404


def test_a_reply_tells_how_many_rows_were_inserted_deleted_and_updated(client: Client) -> None:
    def told(statement: str) -> tuple[int | None, ...]:
        with client.connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.stats is not None
            return tuple(cursor.stats)[:3]

    source = "select column1 as id from values (1), (2), (3)"
    assert told(f"create or replace table TOLD as {source}") == (3, 0, 0)
    assert told(f"create or replace table TOLD as {source} where id > 5") == (0, 0, 0)
    assert told(f"insert into TOLD {source} where id > 1") == (2, 0, 0)
    assert told("update TOLD set id = 4 where id = 3") == (0, 0, 1)
    changes = "when matched then update set id = 9 when not matched then insert (id) values (s.id)"
    assert told(f"merge into TOLD using ({source}) s on TOLD.id = s.id {changes}") == (2, 0, 1)
    assert told("delete from TOLD where id = 9") == (0, 1, 0)
    assert told("create or replace view SEEN as select id from TOLD") == (None, None, None)
