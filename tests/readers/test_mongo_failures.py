"""What a MongoDB reader says when the server, the connection or the login fails; and TLS."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.server_process import HOST, free_port
from include.headrace.errors import HeadraceError, PassingError, SourceError
from include.headrace.readers.base import Span
from include.headrace.readers.mongo_connection import Failures, hook_of
from tests.support.certificates import Certificates, make_certificates
from tests.support.mongo import mongo_reader, read_mongo, start_mongo
from tests.support.reading import read
from tests.support.ssh_server import SshHost

Items = Collection[dict[str, Any]]

QUICK = {"serverSelectionTimeoutMS": 1000}


@pytest.fixture
def connection(
    mongo: MongoServer, collection: Items, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """The fields of the Airflow connection ``shop_mongo``; ``connect`` after changing them."""
    collection.insert_one({"_id": 1})
    yield json.loads(mongo.connection_json("shop", QUICK))


def connect(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], **extra: Any) -> None:
    text = json.dumps({**fields, "extra": {**fields["extra"], **extra}})
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_MONGO", text)


def failure(kind: type[HeadraceError], **fields: Any) -> str:
    with pytest.raises(kind) as caught:
        read_mongo(**fields)
    told = caught.value
    assert told.__suppress_context__ or told.__context__ is None, "the driver's error could show a secret"
    return str(told)


@pytest.mark.parametrize(
    ("changed", "extra", "kind", "says"),
    [
        ({"password": "hunter2/wrong"}, {}, SourceError, "authentication failed"),
        ({"login": "nobody", "password": "hunter2"}, {}, SourceError, "authentication failed"),
        ({}, {"authSource": "shop"}, SourceError, "authentication failed"),
        ({"password": None, "login": None}, {}, SourceError, "requires authentication"),
        ({"port": "FREE"}, {}, PassingError, "Is the server up and reachable?"),
        ({"host": "no-such-host.invalid"}, {}, PassingError, "Is the server up and reachable?"),
        ({}, {"no_such_option": "hunter2"}, SourceError, "Its extra has .*no_such_option"),
        ({}, {"srv": True}, SourceError, "srv URI should not specify a port"),
        ({"conn_type": "http"}, {}, SourceError, "conn_type must be 'mongo'"),
        ({"schema": ""}, {}, SourceError, "names a database; add one"),
        ({}, {"replicaSet": "another"}, PassingError, "Is the server up and reachable?"),
    ],
)
def test_a_connection_that_fails_says_why_and_not_its_password(
    connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any],
    extra: dict[str, Any],
    kind: type[HeadraceError],
    says: str,
) -> None:
    port = {"port": free_port()} if changed.get("port") == "FREE" else {}
    connect(monkeypatch, {**connection, **changed, **port}, **extra)
    with pytest.raises(kind, match=says) as caught:
        read_mongo()
    assert "hunter2" not in str(caught.value)
    assert connection["password"] not in str(caught.value)


def test_no_secret_of_the_connection_is_told(
    connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, {**connection, "password": "s3/cret"}, tlsCertificateKeyFilePassword="ph rase")
    failures = Failures(hook_of("shop_mongo"))
    for error in (AutoReconnect, OperationFailure, PyMongoError):
        told = failures.of(error("no mongodb://headrace:s3%2Fcret@one, s3/cret, ph rase"), "reading")
        assert "no mongodb://headrace:***@one, ***, ***" in str(told)


def test_a_connection_that_is_not_defined_is_permanent() -> None:
    with (
        pytest.raises(SourceError, match="no Airflow connection 'nothing'"),
        mongo_reader("nothing").open(Span()),
    ):
        pass


def test_a_user_without_the_right_is_told_so(
    connection: dict[str, Any], collection: Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = collection.database.client.admin
    collection.database.client["other"]["items"].insert_one({})
    admin.command("createUser", "guest", pwd="hunter2", roles=[{"role": "read", "db": "other"}])
    try:
        connect(monkeypatch, {**connection, "login": "guest", "password": "hunter2"})
        assert "hunter2" not in failure(SourceError)
        assert read_mongo(database="other").table.num_rows == 1
    finally:
        admin.command("dropUser", "guest")
        collection.database.client.drop_database("other")


@pytest.fixture(scope="module")
def large(mongo: MongoServer) -> Iterator[MongoServer]:
    """The database ``big`` has 24 MB in its collection ``items``, which are two batches."""
    with mongo.client() as client:
        client["big"]["items"].insert_many([{"_id": n, "t": "x" * 400_000} for n in range(60)])
        yield mongo
        client.drop_database("big")


@pytest.mark.parametrize(
    ("failing", "kind", "says"),
    [
        ({"errorCode": 43}, PassingError, "broke off reading big.items"),
        ({"errorCode": 237}, PassingError, "broke off reading big.items"),
        ({"errorCode": 189}, PassingError, "reading big.items"),
        ({"errorCode": 11600}, PassingError, "reading big.items"),
        ({"closeConnection": True}, PassingError, "failed while reading big.items"),
        ({"errorCode": 13}, SourceError, "refused reading big.items"),
        ({"errorCode": 239}, SourceError, "minSnapshotHistoryWindowInSeconds"),
        ({"errorCode": 2}, SourceError, "refused reading big.items"),
    ],
)
def test_what_breaks_a_read_off_is_told_apart_by_what_a_retry_can_do(
    large: MongoServer, failing: dict[str, Any], kind: type[HeadraceError], says: str
) -> None:
    data = {"failCommands": ["getMore"], **failing}
    with large.client() as client:
        client.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
        try:
            assert says in failure(kind, database="big")
        finally:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


class Cutting:
    """A TCP proxy of one's own that cuts the line once it has carried so many bytes to the client."""

    def __init__(self, port: int, after: int) -> None:
        self._target = port
        self._left = after
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((HOST, self._target))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while (data := source.recv(65_536)) and self._left > 0:
                self._left -= len(data) if counted else 0
                target.sendall(data)
        except OSError:
            pass
        for side in (source, target):
            side.close()


def test_a_line_that_is_cut_in_mid_read_may_pass(
    large: MongoServer, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Cutting(connection["port"], after=20_000_000)
    try:
        connect(monkeypatch, {**connection, "port": proxy.port}, directConnection=True)
        with (
            pytest.raises(PassingError, match=r"failed while reading big\.items"),
            mongo_reader("shop_mongo", database="big").open(Span()) as extraction,
        ):
            pieces = extraction.pieces()
            assert next(pieces).rows.num_rows > 0
            list(pieces)
    finally:
        proxy.close()


def test_a_server_that_is_killed_in_mid_read_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_mongo(tmp_path)
    try:
        with server.client() as client:
            client["shop"]["items"].insert_many([{"_id": n, "t": "x" * 400_000} for n in range(60)])
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_MONGO", server.connection_json("shop", QUICK))
        with (
            pytest.raises(PassingError, match=r"failed while reading shop\.items"),
            mongo_reader("shop_mongo").open(Span()) as extraction,
        ):
            pieces = extraction.pieces()
            server.kill()
            list(pieces)
        assert "Is the server up and reachable?" in failure(PassingError)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[MongoServer]:
    """A server that speaks TLS alone and asks its clients for a certificate."""
    options = {
        "--tls-cert-file": certificates.server,
        "--tls-key-file": certificates.server_key,
        "--tls-ca-file": certificates.ca,
    }
    server = start_mongo(
        tmp_path_factory.mktemp("private"),
        *(str(text) for option in options.items() for text in option),
        "--tls-require-client-cert",
        tls=True,
        tlsCAFile=str(certificates.ca),
        tlsCertificateKeyFile=str(certificates.client_both),
    )
    with server.client() as client:
        client["shop"]["items"].insert_one({"_id": 1})
    yield server
    server.stop()


def test_tls_with_a_private_authority_and_a_client_certificate(
    private: MongoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_MONGO", private.connection_json("shop"))
    assert [row["payload"] for row in read_mongo().rows] == ['{"_id":1}']


@pytest.mark.parametrize(
    ("extra", "kind", "says"),
    [
        ({"tlsCAFile": "wrong_ca"}, SourceError, "Correct the connection's extra: tls, tlsCAFile"),
        ({"tlsCAFile": None}, SourceError, "Correct the connection's extra: tls, tlsCAFile"),
        # The server's reason, or its hanging up, whichever arrives first.
        ({"tlsCertificateKeyFile": None}, HeadraceError, "tlsCertificateKeyFile"),
        ({"tlsCAFile": "/no/such/file"}, SourceError, "pymongo refuses the connection 'shop_mongo'"),
        ({"tls": None, "tlsCAFile": None, "tlsCertificateKeyFile": None}, PassingError, "up and reachable"),
    ],
)
def test_tls_that_does_not_fit_is_told(
    private: MongoServer,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    extra: dict[str, Any],
    kind: type[HeadraceError],
    says: str,
) -> None:
    if extra.get("tlsCAFile") == "wrong_ca":
        extra = {"tlsCAFile": str(certificates.wrong_ca)}
    fields = json.loads(private.connection_json("shop", QUICK))
    fields["extra"] = {
        name: value for name, value in {**fields["extra"], **extra}.items() if value is not None
    }
    connect(monkeypatch, fields)
    assert says in failure(kind)


def test_a_tunnel_leads_to_one_host(connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, {**connection, "host": "one,two"})
    assert "a tunnel leads to one host" in failure(SourceError, tunnel="shop_ssh")
    connect(monkeypatch, {**connection, "port": None}, srv=True)
    assert "a tunnel leads to one host" in failure(SourceError, tunnel="shop_ssh")


@pytest.fixture
def tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshHost]:
    """An SSH host, ``shop_ssh``, that alone knows the name mongo.internal."""
    host = SshHost(tmp_path / "ssh").start()
    host.names["mongo.internal"] = HOST
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_SSH", host.connection_json())
    yield host
    host.stop()


def test_a_private_server_is_read_through_a_tunnel_alone(
    connection: dict[str, Any], tunnel: SshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, {**connection, "host": "mongo.internal"})
    assert "Is the server up and reachable?" in failure(PassingError)
    found = read(mongo_reader("shop_mongo", tunnel="shop_ssh"))
    assert [row["payload"] for row in found.rows] == ['{"_id":1}']
    assert set(tunnel.forwarded) == {("mongo.internal", connection["port"])}


def test_a_tunnel_that_breaks_in_mid_read_may_pass(
    large: MongoServer, connection: dict[str, Any], tunnel: SshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, {**connection, "host": "mongo.internal"})
    with (
        pytest.raises(PassingError),
        mongo_reader("shop_mongo", database="big", tunnel="shop_ssh").open(Span()) as extraction,
    ):
        tunnel.cut()
        list(extraction.pieces())
