"""Connections to MySQL that fail or break off: what is said, what may pass, and TLS."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers.base import Span
from include.headrace.readers.mysql_connection import connect_error, statement_error
from tests.support.certificates import Certificates, make_certificates
from tests.support.mysql import start_mariadb
from tests.support.reading import mysql_reader, read
from tests.support.ssh_server import SshHost

Sql = Callable[..., Any]
Connect = Callable[..., None]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("mysql-certificates"))


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[MariadbServer]:
    server = start_mariadb(
        tmp_path_factory.mktemp("mysql-failures"),
        f"--ssl-ca={certificates.ca}",
        f"--ssl-cert={certificates.server}",
        f"--ssl-key={certificates.server_key}",
    )
    yield server
    server.stop()


@pytest.fixture
def sql(mariadb: MariadbServer) -> Sql:
    """Run SQL in the database ``shop``, which each test begins with empty."""
    mariadb.execute("drop database if exists shop; create database shop")

    def run(statement: str, values: tuple[Any, ...] = ()) -> Any:
        return mariadb.execute(statement, values, database="shop")

    return run


@pytest.fixture
def connect(mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Set the Airflow connection ``failing_mysql``: the server's own, with some fields changed."""

    def change(**fields: Any) -> None:
        connection = {**json.loads(mariadb.connection_json("shop")), **fields}
        monkeypatch.setenv("AIRFLOW_CONN_FAILING_MYSQL", json.dumps(connection))

    change()
    return change


def ids(name: str = "items", **fields: Any) -> list[int]:
    return sorted(row["id"] for row in read(mysql_reader("failing_mysql", name, **fields)).rows)


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        ({"password": "not-the-password"}, SourceError, "Access denied for user 'headrace'"),
        ({"login": "nobody"}, SourceError, "Access denied for user 'nobody'"),
        ({"host": "no-such-host.invalid"}, SourceError, "Unknown server host 'no-such-host.invalid'"),
        ({"schema": "nowhere"}, SourceError, "the database 'nowhere' is empty, missing or closed"),
        ({"extra": {"ssl": "yes"}}, SourceError, "must be a mapping with ca, cert and key"),
        ({"extra": {"ssl_mode": "SOMETIMES"}}, SourceError, "Unknown ssl_mode"),
        ({"extra": {"iam": True}}, SourceError, "add `ssl` with the `ca`"),
        ({"port": "FREE"}, PassingError, "Is the server up and reachable?"),
    ],
)
def test_a_connection_that_fails_says_why_without_its_password(
    sql: Sql,
    connect: Connect,
    mariadb: MariadbServer,
    fields: dict[str, Any],
    kind: type[Exception],
    says: str,
) -> None:
    connect(**{**fields, **({"port": free_port()} if "port" in fields else {})})
    with pytest.raises(kind) as caught:
        ids()
    assert says in str(caught.value)
    assert mariadb.password not in str(caught.value)
    assert "not-the-password" not in str(caught.value)


def test_a_connection_that_is_not_defined_is_permanent() -> None:
    with pytest.raises(SourceError, match="no Airflow connection 'nothing'"):
        read(mysql_reader("nothing", "items"))


@pytest.mark.parametrize("code", [1045, 2003, 0])
def test_no_error_repeats_the_password(code: int) -> None:
    said = Exception(code, "refused s3cret for 'a'") if code else Exception("refused s3cret")
    for error in (connect_error(said, "shop", "s3cret"), statement_error(said, "items", "s3cret")):
        assert "s3cret" not in str(error)
        assert "refused ***" in str(error)


@pytest.fixture
def someone(sql: Sql, connect: Connect) -> Iterator[Sql]:
    sql("create user someone@'127.0.0.1' identified by 'someone''s own'")
    connect(login="someone", password="someone's own")
    yield sql
    sql("drop user someone@'127.0.0.1'")


def test_a_missing_grant_is_permanent(someone: Sql) -> None:
    someone("create table items (id int, secret text); create table other (id int)")
    with pytest.raises(SourceError, match="closed to the user, who sees none"):
        ids()
    someone("grant select on shop.other to someone@'127.0.0.1'")
    with pytest.raises(SourceError, match="that the user may read; it has other"):
        ids()
    someone("grant insert on shop.items to someone@'127.0.0.1'")
    with pytest.raises(SourceError, match=r"may not read all of shop\.items, but only no column"):
        ids()


def test_a_column_that_is_hidden_from_the_user_is_not_missed_in_silence(someone: Sql) -> None:
    someone("create table items (id int, secret text, t text); insert into items values (1, 's', 't')")
    someone("grant select (id, t), insert (secret) on shop.items to someone@'127.0.0.1'")
    with pytest.raises(SourceError, match=r"may not read all of shop\.items, but only id, t"):
        ids()
    assert read(mysql_reader("failing_mysql", "items", exclude=("secret",))).rows == [{"id": 1, "t": "t"}]


def test_an_error_of_the_data_in_mid_stream_is_permanent(sql: Sql, connect: Connect) -> None:
    sql("""
        create function fail(n int) returns int deterministic no sql begin
            if n = 20000 then signal sqlstate '45000' set message_text = 'a bad row'; end if;
            return n;
        end
    """)
    sql("create view items as select fail(seq) as id from seq_1_to_30000")
    with pytest.raises(SourceError, match="a bad row"):
        ids()


LONG = "create table items as select seq as id, repeat('x', 400) as t from seq_1_to_60000"


@pytest.mark.parametrize("how", ["kill", "kill query"])
def test_a_reader_killed_by_another_session_may_pass(sql: Sql, connect: Connect, how: str) -> None:
    sql(LONG)
    with (
        pytest.raises(PassingError, match="broke off"),
        mysql_reader("failing_mysql", "items").open(Span()) as extraction,
    ):
        pieces = extraction.pieces()
        next(pieces)
        [(reading,)] = sql("select id from information_schema.processlist where info like 'SELECT \"id\"%'")
        sql(f"{how} {reading}")
        list(pieces)


def test_a_server_that_dies_in_mid_read_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start_mariadb(tmp_path)
    try:
        server.execute("create database shop")
        server.execute(LONG, database="shop")
        monkeypatch.setenv("AIRFLOW_CONN_FAILING_MYSQL", server.connection_json("shop"))
        with (
            pytest.raises(PassingError, match="broke off"),
            mysql_reader("failing_mysql", "items").open(Span()) as extraction,
        ):
            pieces = extraction.pieces()
            next(pieces)
            server.kill()
            list(pieces)
    finally:
        server.kill()


def test_a_server_with_no_connection_left_may_pass(sql: Sql, connect: Connect) -> None:
    sql("create table items (id int)")
    sql("create user busy@'127.0.0.1' identified by 'busy-s own' with max_user_connections 1")
    sql("grant select on shop.* to busy@'127.0.0.1'")
    connect(login="busy", password="busy-s own")
    try:
        with (
            mysql_reader("failing_mysql", "items").open(Span()),
            pytest.raises(PassingError, match="max_user_connections"),
        ):
            ids()
    finally:
        sql("drop user busy@'127.0.0.1'")


def test_a_lock_that_is_held_may_pass(sql: Sql, connect: Connect) -> None:
    sql("create table items (id int)")
    before = sql("select @@global.lock_wait_timeout")[0][0]
    sql("set global lock_wait_timeout = 1")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        import MySQLdb

        fields = json.loads(os.environ["AIRFLOW_CONN_FAILING_MYSQL"])
        holder = MySQLdb.connect(
            host=fields["host"],
            port=fields["port"],
            user=fields["login"],
            passwd=fields["password"],
            db="shop",
        )
        holder.query("lock tables items write")
        held.set()
        done.wait(30)
        holder.close()

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        assert held.wait(30)
        with pytest.raises(PassingError, match="Lock wait timeout"):
            ids()
    finally:
        done.set()
        holding.join()
        sql("set global lock_wait_timeout = %s", (before,))


@pytest.fixture
def secured(sql: Sql) -> Iterator[Sql]:
    """A table that shows how its reader's session is encrypted, and a user who must have a certificate."""
    sql("""
        create view items as select variable_value as cipher from information_schema.session_status
        where variable_name = 'Ssl_cipher'
    """)
    sql("create user careful@'127.0.0.1' identified by 'careful-s own' require x509")
    sql("grant select on shop.* to careful@'127.0.0.1'")
    yield sql
    sql("drop user careful@'127.0.0.1'")


def cipher() -> str:
    return str(read(mysql_reader("failing_mysql", "items")).rows[0]["cipher"])


def test_tls_with_a_private_authority_and_a_client_s_certificate(
    secured: Sql, connect: Connect, certificates: Certificates
) -> None:
    files = {
        "ca": str(certificates.ca),
        "cert": str(certificates.client),
        "key": str(certificates.client_key),
    }
    for ssl in (files, json.dumps(files)):
        connect(login="careful", password="careful-s own", extra={"ssl": ssl})
        assert cipher().startswith("TLS_")
    connect(login="careful", password="careful-s own", extra={"ssl": {"ca": str(certificates.ca)}})
    with pytest.raises(SourceError, match="Access denied for user 'careful'"):
        cipher()


def test_a_server_that_another_authority_signed_is_refused(
    secured: Sql, connect: Connect, certificates: Certificates
) -> None:
    connect(extra={"ssl": {"ca": str(certificates.wrong_ca)}})
    with pytest.raises(SourceError, match=r"certificate|SSL"):
        cipher()
    connect(extra={"ssl": {"ca": "/no/such/ca.pem"}})
    with pytest.raises(SourceError, match="SSL"):
        cipher()


def test_tls_without_files_is_asked_for_by_its_mode(secured: Sql, connect: Connect) -> None:
    for extra in ({"ssl_mode": "REQUIRED"}, {"ssl": True}):
        connect(extra=extra)
        assert cipher().startswith("TLS_")


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    server = start_mariadb(tmp_path)
    try:
        for extra in ({"ssl": {"ca": str(certificates.ca)}}, {"ssl_mode": "REQUIRED"}, {"ssl": True}):
            monkeypatch.setenv("AIRFLOW_CONN_FAILING_MYSQL", server.connection_json("shop", extra))
            with pytest.raises(
                SourceError, match=r"SSL is required|asks for TLS, and the MySQL server has none"
            ):
                ids()
    finally:
        server.kill()


def test_a_private_server_is_read_through_ssh(
    sql: Sql, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql("create table items (id int); insert into items select seq from seq_1_to_1000")
    host = SshHost(tmp_path).start()
    try:
        monkeypatch.setenv("AIRFLOW_CONN_BASTION", host.connection_json())
        assert ids(tunnel="bastion") == list(range(1, 1001))
        connect(port=free_port())
        with pytest.raises(PassingError):
            ids(tunnel="bastion")
    finally:
        host.stop()
