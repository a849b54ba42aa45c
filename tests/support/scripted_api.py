"""A real HTTP server that answers as a test scripts it, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived. ``path`` is without the query; header names are in small letters."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer. A body that is not bytes is written as JSON.

    ``told`` is the Content-Length to claim where it is not the true one: with a larger one, the
    connection drops in the middle of the body. ``by_closing`` gives no length: the body ends with the
    connection, as in HTTP 1.0. ``silent_seconds`` is how long to say nothing before the body.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    told: int | None = None
    by_closing: bool = False
    silent_seconds: float = 0.0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


DROPPED = Reply(status=0)
"""The connection is closed without an answer."""

NOT_SCRIPTED = Reply({"error": "no answer is scripted"}, 404)


class ScriptedApi:
    """A server on a free port of loopback. The answers of ``script`` come first, then ``handler``'s."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.script: list[Reply] = []
        self.handler: Callable[[Asked], Reply] = lambda asked: NOT_SCRIPTED
        self._scheme = "https" if tls else "http"
        self.silence = threading.Event()
        """Set at the stop, so that no answer keeps the test waiting."""
        self._lock = threading.Lock()
        self._server = _Server((HOST, 0), _handler_of(self), bind_and_activate=True)
        self._server.tls = tls
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://{HOST}:{self.port}"

    def start(self) -> ScriptedApi:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.silence.set()
        self._server.shutdown()
        self._server.server_close()

    def forget(self) -> ScriptedApi:
        """Begin anew: nothing was asked and nothing is scripted."""
        self.asked.clear()
        self.script.clear()
        self.handler = lambda asked: NOT_SCRIPTED
        return self

    def answer(self, asked: Asked) -> Reply:
        """The next answer; the request is kept in ``asked``."""
        with self._lock:
            self.asked.append(asked)
            return self.script.pop(0) if self.script else self.handler(asked)

    def connection(self, **fields: Any) -> str:
        """The value of an ``AIRFLOW_CONN_*`` variable for this server."""
        return json.dumps({"conn_type": "http", "host": self.url, **fields})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake is here, in the request's own thread, so that one that fails blocks no other.
        if self.tls is not None:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        super().finish_request(request, client_address)
        if self.tls is not None:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


def _handler_of(api: ScriptedApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise headers and body are two packets, and the second waits for the first one's ACK.
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, url.path, dict(parse_qsl(url.query)), headers, body)
            self._send(api.answer(asked))

        def do_POST(self) -> None:
            self.do_GET()

        def _send(self, reply: Reply) -> None:
            if reply == DROPPED:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            content = reply.content
            api.silence.wait(reply.silent_seconds)
            if not reply.by_closing:
                self.send_header("Content-Length", str(len(content) if reply.told is None else reply.told))
            self.end_headers()
            self.wfile.write(content)
            if reply.by_closing or reply.told is not None:
                self.close_connection = True

    return Handler
