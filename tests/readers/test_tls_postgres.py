"""PostgreSQL over TLS with a private authority and a client's certificate: read, or refused for good."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from include.headrace.config import PostgresSource, PostgresTable
from include.headrace.demo import postgres_server
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.errors import SourceError
from include.headrace.readers import reader_for
from tests.support.certificates import Certificates, make_certificates
from tests.support.postgres import start_postgres
from tests.support.reading import Read, read
from tests.support.ssh_server import SshHost

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""The client's wish for TLS (PostgreSQL documentation, message formats, SSLRequest)."""

HBA = "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n"
ORDERS = [{"id": 1, "note": "a"}, {"id": 2, "note": "b"}]


def with_openssl() -> Path | None:
    """The programs of a PostgreSQL on this machine that was built with TLS; the wheel's was not."""
    for postgres in [*sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")), shutil.which("postgres")]:
        config = Path(postgres).resolve().with_name("pg_config") if postgres else None
        if config is not None and config.exists():
            printed = subprocess.run(
                [config, "--configure"], capture_output=True, text=True, check=True
            ).stdout
            if "--with-openssl" in printed or "--with-ssl=openssl" in printed:
                return config.parent
    return None


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=["TLS of the server", "TLS of a proxy before it"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[dict[str, Any]]:
    """The fields of a connection to a server that takes no client without a certificate of its authority."""
    home = tmp_path_factory.mktemp("tls")
    with ExitStack() as stack:
        if request.param == "TLS of the server":
            binaries = with_openssl()
            if binaries is None:
                pytest.skip("this machine has no PostgreSQL that was built with TLS")
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(postgres_server, "binaries", lambda: binaries)
        server = start_postgres(home)
        stack.callback(server.stop)
        server.execute("CREATE TABLE orders (id int, note text)")
        server.execute("INSERT INTO orders VALUES (1, 'a'), (2, 'b')")
        port = server.port
        if request.param == "TLS of the server":
            demand_tls(server, certificates)
        else:
            port = stack.enter_context(tls_proxy(port, certificates))
        yield {**json.loads(server.connection_json()), "port": port}


def demand_tls(server: PostgresServer, certificates: Certificates) -> None:
    owner = server.data.stat()
    for setting, path in (
        ("ssl_ca_file", certificates.ca),
        ("ssl_cert_file", certificates.server),
        ("ssl_key_file", certificates.server_key),
    ):
        shutil.copy(path, server.data / path.name)
        os.chown(server.data / path.name, owner.st_uid, owner.st_gid)
        server.execute(f"ALTER SYSTEM SET {setting} = '{path.name}'")
    server.execute("ALTER SYSTEM SET ssl = on")
    (server.data / "pg_hba.conf").write_text(HBA)
    server.stop()
    server.start(server.port)


@contextmanager
def tls_proxy(port: int, certificates: Certificates) -> Iterator[int]:
    """The port of a TLS proxy before PostgreSQL, as PgBouncer is one, for the block's length."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.ca))
    tls.load_cert_chain(certificates.server, certificates.server_key)
    tls.verify_mode = ssl.CERT_REQUIRED

    class Proxy(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            assert self.request.recv(len(SSL_REQUEST), socket.MSG_WAITALL) == SSL_REQUEST
            self.request.sendall(b"S")
            with (
                suppress(OSError),
                tls.wrap_socket(self.request, server_side=True) as client,
                socket.create_connection(("127.0.0.1", port)) as server,
            ):
                answers = threading.Thread(target=pass_on, args=(server, client))
                answers.start()
                pass_on(client, server)
                server.shutdown(socket.SHUT_RDWR)
                answers.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        yield proxy.server_address[1]
        proxy.shutdown()


def pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    host = SshHost(tmp_path_factory.mktemp("ssh")).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_BASTION", host.connection_json())
        yield host
    host.stop()


ReadOrders = Callable[..., Read]


@pytest.fixture
def read_orders(
    connection: dict[str, Any], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> ReadOrders:
    """Read the orders with a connection's extra that is right but for ``changes``; None leaves one out."""

    def read_them(host: str = "127.0.0.1", tunnel: str | None = None, **changes: Any) -> Read:
        extra = {
            "sslmode": "verify-full",
            "sslrootcert": str(certificates.ca),
            "sslcert": str(certificates.client),
            "sslkey": str(certificates.client_key),
            **changes,
        }
        given = {name: value for name, value in extra.items() if value is not None}
        monkeypatch.setenv("AIRFLOW_CONN_TLS", json.dumps({**connection, "host": host, "extra": given}))
        table = PostgresTable(name="orders")
        source = PostgresSource(
            name="shop", kind="postgres", connection="tls", tunnel=tunnel, tables=(table,)
        )
        return read(reader_for(source, table))

    return read_them


def test_a_private_authority_and_a_client_certificate_let_read(read_orders: ReadOrders) -> None:
    assert read_orders().rows == ORDERS
    assert read_orders("localhost").rows == ORDERS


def test_a_server_of_another_authority_is_refused(
    read_orders: ReadOrders, certificates: Certificates
) -> None:
    with pytest.raises(SourceError, match="certificate verify failed"):
        read_orders(sslrootcert=str(certificates.wrong_ca))


def test_a_client_without_a_certificate_is_refused(read_orders: ReadOrders) -> None:
    with pytest.raises(SourceError, match=r"valid client certificate|certificate required"):
        read_orders(sslcert=None, sslkey=None)


def test_a_client_of_another_authority_is_refused(read_orders: ReadOrders, tmp_path: Path) -> None:
    stranger = make_certificates(tmp_path)
    with pytest.raises(SourceError, match=r"alert (unknown ca|decrypt error)"):
        read_orders(sslcert=str(stranger.client), sslkey=str(stranger.client_key))


def test_a_certificate_for_another_host_is_refused(read_orders: ReadOrders) -> None:
    with pytest.raises(SourceError, match=r'does not match host name "db\.internal"'):
        read_orders("db.internal", hostaddr="127.0.0.1")


def test_a_certificate_file_that_is_not_there_is_named(read_orders: ReadOrders, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"absent\.pem"):
        read_orders(sslrootcert=str(tmp_path / "absent.pem"))


def test_no_refusal_tells_the_password(read_orders: ReadOrders, connection: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as error:
        read_orders("db.internal", hostaddr="127.0.0.1")
    assert connection["password"] not in f"{error.value!r} {error.value.__context__!r}"


def test_through_a_tunnel_the_certificate_is_checked_for_the_source_s_own_name(
    read_orders: ReadOrders, ssh: SshHost
) -> None:
    assert read_orders("localhost", "bastion").rows == ORDERS
    # Only the SSH host knows this name. The certificate is for 127.0.0.1, where the tunnel begins.
    ssh.names["db.internal"] = "127.0.0.1"
    with pytest.raises(SourceError, match=r'does not match host name "db\.internal"'):
        read_orders("db.internal", "bastion")
    assert read_orders("db.internal", "bastion", sslmode="verify-ca").rows == ORDERS
