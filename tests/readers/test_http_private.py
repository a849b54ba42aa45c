"""APIs that are not open to all: behind a private CA, a client certificate, a proxy."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from include.headrace.config import RestSource, RestTable
from include.headrace.demo.server_process import free_port
from include.headrace.errors import PassingError, SourceError
from include.headrace.readers.http_client import ApiClient, api_client
from tests.support.certificates import Certificates, make_certificates
from tests.support.clock import HandClock
from tests.support.forward_proxy import ForwardProxy
from tests.support.scripted_api import Reply, ScriptedApi

PROXY_SECRET = "pr&xy hunter2"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def serving(context: ssl.SSLContext | None) -> Iterator[ScriptedApi]:
    api = ScriptedApi(context).start()
    api.handler = lambda asked: Reply({"data": []})
    yield api
    api.stop()


@pytest.fixture(scope="module")
def plain() -> Iterator[ScriptedApi]:
    yield from serving(None)


@pytest.fixture(scope="module")
def private(certificates: Certificates) -> Iterator[ScriptedApi]:
    """A server with a certificate of the private CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    yield from serving(context)


@pytest.fixture(scope="module")
def closed(certificates: Certificates) -> Iterator[ScriptedApi]:
    """The same, for clients with a certificate of that CA alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca)
    yield from serving(context)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForwardProxy]:
    made = ForwardProxy("ana", PROXY_SECRET).start()
    fields = {"conn_type": "http", "host": "127.0.0.1", "port": made.port, "login": "ana"}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_PROXY", json.dumps({**fields, "password": PROXY_SECRET}))
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_PROXY", json.dumps({**fields, "password": "wrong hunter2"}))
    monkeypatch.setenv("AIRFLOW_CONN_NO_PROXY_THERE", json.dumps({**fields, "port": free_port()}))
    yield made
    made.stop()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def client(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an API by a connection with this extra, through the proxy of that connection."""

    def make(
        api: ScriptedApi, proxy: str | None = None, auth: str = "none", **extra: Any
    ) -> AbstractContextManager[ApiClient]:
        api.asked.clear()
        written = {name: str(value) if isinstance(value, Path) else value for name, value in extra.items()}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", api.connection(password="hunter2-key", extra=written))
        source = RestSource(
            name="shop",
            kind="rest",
            connection="shop_api",
            proxy=proxy,
            auth={"type": auth},
            tables=(RestTable(name="orders", path="/orders"),),
        )
        return api_client(source, clock=clock)

    return make


def test_a_private_ca_is_trusted_when_it_is_named(
    private: ScriptedApi, certificates: Certificates, client: Any
) -> None:
    with client(private, verify=certificates.ca) as made:
        assert made.request("GET", "/orders").status == 200


@pytest.mark.parametrize("trusted", ["wrong_ca", None])
def test_a_server_of_another_ca_is_refused_for_good(
    private: ScriptedApi, certificates: Certificates, client: Any, clock: HandClock, trusted: str | None
) -> None:
    extra = {"verify": getattr(certificates, trusted)} if trusted else {}
    with (
        client(private, **extra) as made,
        pytest.raises(SourceError, match=r"failed in TLS.*verify.*`verify`"),
    ):
        made.request("GET", "/orders")
    assert private.asked == []
    assert clock.slept == []


def test_a_client_certificate_opens_a_closed_server(
    closed: ScriptedApi, certificates: Certificates, client: Any
) -> None:
    pair = {"cert": certificates.client, "key": certificates.client_key}
    for extra in (pair, {"cert": certificates.client_both}):
        with client(closed, verify=certificates.ca, **extra) as made:
            assert made.request("GET", "/orders").status == 200


def test_a_closed_server_is_refused_for_good_without_a_certificate(
    closed: ScriptedApi, certificates: Certificates, client: Any, clock: HandClock
) -> None:
    with (
        client(closed, verify=certificates.ca) as made,
        pytest.raises(SourceError, match=r"failed in TLS.*`cert`"),
    ):
        made.request("GET", "/orders")
    assert closed.asked == []


def test_an_encrypted_key_needs_its_password(
    closed: ScriptedApi, certificates: Certificates, client: Any, tmp_path: Path
) -> None:
    key = serialization.load_pem_private_key(certificates.client_key.read_bytes(), None)
    encrypted = tmp_path / "client.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2-pem"),
        )
    )
    extra = {"verify": certificates.ca, "cert": certificates.client, "key": encrypted}
    with client(closed, **extra, key_password="hunter2-pem") as made:
        assert made.request("GET", "/orders").status == 200
    for wrong in ({}, {"key_password": "hunter2-wrong"}):
        with pytest.raises(SourceError, match="`cert` or `key`") as error, client(closed, **extra, **wrong):
            pass
        assert "hunter2" not in str(error.value)


def test_plain_http_on_a_port_of_tls_is_told(
    plain: ScriptedApi, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = client(plain)
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", plain.connection(host=f"https://127.0.0.1:{plain.port}"))
    with making as made, pytest.raises(SourceError, match="failed in TLS"):
        made.request("GET", "/orders")


def test_a_plain_api_is_reached_through_the_proxy(
    plain: ScriptedApi, proxy: ForwardProxy, client: Any
) -> None:
    with client(plain, "shop_proxy", "bearer") as made:
        assert made.request("GET", "/orders", parameters={"n": 1}).status == 200
    assert proxy.passed == [f"GET {plain.url}/orders?n=1"]
    assert plain.asked[0].headers["authorization"] == "Bearer hunter2-key"


def test_an_api_behind_tls_is_reached_through_the_proxys_tunnel(
    private: ScriptedApi, proxy: ForwardProxy, client: Any, certificates: Certificates
) -> None:
    with client(private, "shop_proxy", "bearer", verify=certificates.ca) as made:
        assert made.request("GET", "/orders", parameters={"n": 1}).status == 200
        assert made.request("GET", "/orders").status == 200
    # The proxy sees no more than the address.
    assert proxy.passed == [f"CONNECT 127.0.0.1:{private.port}"]
    assert [asked.headers["authorization"] for asked in private.asked] == ["Bearer hunter2-key"] * 2
    assert "proxy-authorization" not in private.asked[0].headers


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_refuses_us_is_told_for_good(
    plain: ScriptedApi,
    private: ScriptedApi,
    proxy: ForwardProxy,
    client: Any,
    certificates: Certificates,
    clock: HandClock,
    tls: bool,
) -> None:
    making = client(private, "wrong_proxy", verify=certificates.ca) if tls else client(plain, "wrong_proxy")
    with (
        making as made,
        pytest.raises(SourceError, match=r"407.*Correct the connection named in `proxy`") as error,
    ):
        made.request("GET", "/orders")
    assert proxy.passed == []
    assert "hunter2" not in str(error.value)
    assert clock.slept == []


def test_a_proxy_that_is_down_may_come_back(plain: ScriptedApi, proxy: ForwardProxy, client: Any) -> None:
    with client(plain, "no_proxy_there") as made, pytest.raises(PassingError, match="refused"):
        made.request("GET", "/orders")
    # The request did not go around the proxy.
    assert plain.asked == []


def test_a_proxy_whose_connection_is_missing_is_told(plain: ScriptedApi, client: Any) -> None:
    with pytest.raises(SourceError, match="no Airflow connection 'nowhere'"), client(plain, "nowhere"):
        pass
