"""A small real HTTP forward proxy for tests: plain requests by their whole URL, TLS through CONNECT."""

from __future__ import annotations

import base64
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

HOST = "127.0.0.1"


class ForwardProxy:
    """A proxy on a free port of loopback that wants a login; ``passed`` keeps what it let through."""

    def __init__(self, login: str, password: str) -> None:
        token = base64.b64encode(f"{login}:{password}".encode()).decode()
        self.passed: list[str] = []
        self._server = ThreadingHTTPServer((HOST, 0), _handler_of(self.passed, f"Basic {token}"))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> ForwardProxy:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler_of(passed: list[str], wanted: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _lets_through(self) -> bool:
            if self.headers.get("Proxy-Authorization") == wanted:
                passed.append(f"{self.command} {self.path}")
                return True
            self.send_response(407)
            self.send_header("Proxy-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False

        def do_GET(self) -> None:
            if not self._lets_through():
                return
            headers = {n: v for n, v in self.headers.items() if not n.lower().startswith(("proxy-", "host"))}
            with build_opener(ProxyHandler({})).open(Request(self.path, headers=headers)) as answer:
                body = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def do_CONNECT(self) -> None:
            if not self._lets_through():
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                self.send_response(200)
                self.end_headers()
                self._relay(server)
            self.close_connection = True

        def _relay(self, server: socket.socket) -> None:
            ends = {self.connection: server, server: self.connection}
            while True:
                ready, _, _ = select.select(list(ends), [], [], 10)
                if not ready:
                    return
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)

    return Handler
