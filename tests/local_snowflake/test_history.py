from __future__ import annotations

from collections.abc import Callable

from tests.local_snowflake.conftest import Client


def test_query_history_keeps_the_tag_the_text_and_the_error(connect: Callable[..., Client]) -> None:
    client = connect(parameters={"QUERY_TAG": '{"load": "it\'s 1"}'})
    client.run("select 1 as first_one")
    client.error("select * from nothing_there")
    client.run("alter session unset query_tag", "select 2 as second_one")
    rows = client.rows(
        "select query_text, query_tag, execution_status, error_code from "
        "table(information_schema.query_history()) "
        "where query_text like '%first_one' or query_text like '%nothing_there' or query_text like "
        "'%second_one' "
        "order by start_time"
    )
    assert rows[-3:] == [
        ("select 1 as first_one", '{"load": "it\'s 1"}', "SUCCESS", None),
        ("select * from nothing_there", '{"load": "it\'s 1"}', "FAILED_WITH_ERROR", "002003"),
        ("select 2 as second_one", "", "SUCCESS", None),
    ]


def test_result_scan_gives_the_rows_of_an_earlier_query(client: Client) -> None:
    cursor = client.connection.cursor()
    cursor.execute("show parameters like 'lock_timeout'")
    first = cursor.sfqid
    assert client.value(f"select \"value\" from table(result_scan('{first}'))") == "10"
    client.run("select 5 as five")
    assert client.value("select five from table(result_scan(last_query_id()))") == 5
    assert client.error("select * from table(result_scan('nothing'))").errno == 709


def test_show_parameters_and_unset(client: Client) -> None:
    client.run("alter session set query_tag = 'a', lock_timeout = 5")
    shown = {row["key"]: row["value"] for row in client.dicts("show parameters in session")}
    assert (shown["QUERY_TAG"], shown["LOCK_TIMEOUT"]) == ("a", "5")
    client.run("alter session unset query_tag, lock_timeout")
    shown = {row["key"]: row["value"] for row in client.dicts("show parameters")}
    assert (shown["QUERY_TAG"], shown["LOCK_TIMEOUT"]) == ("", "43200")
