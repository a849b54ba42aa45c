"""A proxy before the local Snowflake that loses, cuts, delays or repeats what a client and it say."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.tcp_proxy import HOST, close

REPLY_SECONDS = 60
NAME = re.compile(r'"[^"]*"(?:\."[^"]*")*')
OBJECT = re.compile(
    r"(?:INTO|FROM|UPDATE|TABLE|TRANSACTION|STAGE|SCHEMA|SCHEMAS|DATABASE|EXISTS|TRANSIENT)\s+(@?[\w@#]+)",
    re.IGNORECASE,
)
VERB = re.compile(
    r"(?:CREATE(?:\s+OR\s+REPLACE)?(?:\s+TRANSIENT)?\s+\w+|INSERT|DROP\s+\w+|ALTER\s+\w+|DESCRIBE\s+\w+"
    r"|SHOW\s+\w+|\w+)",
    re.I,
)


class Kind(Enum):
    """What happens to one request and its reply."""

    REQUEST_LOST = "request lost"
    REQUEST_RESET = "reset before the request"
    REQUEST_DELAYED = "request delayed"
    REQUEST_GONE = "request and connection lost for good"
    REQUEST_LATE = "request late, its client gone"
    REPLY_LOST = "reply lost"
    REPLY_RESET = "reset before the reply"
    REPLY_CUT = "reply cut"
    REPLY_DELAYED = "reply delayed"
    REPLY_GONE = "reply and connection lost for good"
    REPLY_503 = "503 though it was done"
    UNAVAILABLE = "503 twice"
    TOO_MANY = "429 twice"
    REPEATED = "request repeated"
    REPEATED_AT_ONCE = "request sent twice at once"


GONE = (Kind.REQUEST_GONE, Kind.REPLY_GONE, Kind.REQUEST_LATE)
STATUSES = {Kind.UNAVAILABLE: 503, Kind.TOO_MANY: 429}
BEFORE = (Kind.REQUEST_LOST, Kind.REQUEST_RESET, Kind.REQUEST_GONE)
RESETS = (Kind.REQUEST_RESET, Kind.REPLY_RESET, Kind.REQUEST_GONE, Kind.REPLY_GONE)


@dataclass(frozen=True)
class Place:
    """One request of a task: what it is, and the how manieth of that kind."""

    label: str
    occurrence: int = 1

    def __str__(self) -> str:
        return self.label if self.occurrence == 1 else f"{self.label} ({self.occurrence})"


@dataclass
class StatementFault:
    """``kind`` happens to the request at ``place``, or once to each; ``done`` says how often it did.

    ``seconds`` is how long a delay is, or how much later than its client's end a late request arrives.
    """

    place: Place | None
    kind: Kind
    seconds: float = 1.0
    done: int = 0
    gone: set[str] = field(default_factory=set)

    def is_due(self, place: Place, sent_again: bool) -> bool:
        """True when it is this request's turn."""
        if self.place is None:
            return not sent_again
        return place == self.place and self.done < (2 if self.kind in STATUSES else 1)


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def token(self) -> str:
        return self.headers.get("Authorization", "")

    @property
    def id(self) -> str:
        return parse_qs(urlsplit(self.path).query).get("requestId", [""])[0]

    @property
    def label(self) -> str:
        path = urlsplit(self.path).path
        if path.endswith("/login-request"):
            return "sign in"
        if path == "/session":
            return "sign out"
        if path.endswith("/query-request"):
            raw = gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body
            return label_of(json.loads(raw)["sqlText"])
        return path


def label_of(statement: str) -> str:
    """What a statement is, without the names and ids of one load: ``INSERT LOADS``, ``COPY ATTEMPT``."""
    plain = NAME.sub(lambda found: _short(found[0]), " ".join(statement.split()))
    verb = VERB.match(plain)
    words = verb[0].upper() if verb else plain[:20]
    named = OBJECT.search(plain, 0 if verb is None else len(verb[0].split()[0]))
    return f"{words} {named[1]}" if named and named[1].upper() not in words.split() else words


def _short(name: str) -> str:
    last = name.rsplit('"', 2)[1]
    for prefix in ("FENCE__", "ATTEMPT__"):
        if last.startswith(prefix):
            kept = "__QUARANTINE" if last.endswith("__QUARANTINE") else ""
            return prefix.rstrip("_") + kept
    return re.sub(r"[0-9a-f]{16,}", "id", last)


class SnowflakeProxy:
    """A proxy on a free port of loopback before the local Snowflake at ``port``.

    One fault at a time; with none everything passes. A client's connection that ends ends the one to the
    server too, so that the server sees clients die as it would without a proxy.
    """

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.fault: StatementFault | None = None
        self.mutex = threading.Lock()
        self.places: list[Place] = []
        self._counts: Counter[str] = Counter()
        self._ids: dict[str, Place] = {}
        self._server = ThreadingHTTPServer((HOST, 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def recorded(self) -> Iterator[list[Place]]:
        """The requests made in the block, in order, one that was sent again only once."""
        self._begin()
        yield self.places

    @contextmanager
    def broken(self, fault: StatementFault) -> Iterator[StatementFault]:
        """Do ``fault`` to what happens in the block."""
        self._begin()
        self.fault = fault
        try:
            yield fault
        finally:
            self.fault = None

    def _begin(self) -> None:
        with self.mutex:
            self.places = []
            self._counts.clear()
            self._ids.clear()

    def meet(self, request: _Request) -> StatementFault | None:
        """Count a request; the fault when it is its turn, or when its session is gone."""
        with self.mutex:
            place = self._ids.get(request.id) if request.id else None
            sent_again = place is not None
            if place is None:
                label = request.label
                self._counts[label] += 1
                place = Place(label, self._counts[label])
                self.places.append(place)
                self._ids[request.id] = place
            fault = self.fault
            if fault is None:
                return None
            if request.token in fault.gone:
                return fault
            if not fault.is_due(place, sent_again):
                return None
            fault.done += 1
            if fault.kind in GONE:
                fault.gone.add(request.token)
            return fault

    def send(self, request: _Request, connection: HTTPConnection | None = None) -> tuple[int, bytes, str]:
        """Ask the server; status, body and type of its reply."""
        own = connection or HTTPConnection(HOST, self.upstream, timeout=REPLY_SECONDS)
        try:
            own.request(request.method, request.path, request.body, request.headers)
            reply = own.getresponse()
            return reply.status, reply.read(), reply.getheader("Content-Type", "application/json")
        finally:
            if connection is None:
                own.close()


def _handler_of(proxy: SnowflakeProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        upstream: HTTPConnection

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def setup(self) -> None:
            super().setup()
            self.upstream = HTTPConnection(HOST, proxy.upstream, timeout=REPLY_SECONDS)

        def finish(self) -> None:
            self.upstream.close()
            with suppress(OSError):
                super().finish()

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, HTTPException):
                self.close_connection = True

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _answer(self, body: bytes) -> None:
            kept = {n: v for n, v in self.headers.items() if n.lower() not in ("host", "content-length")}
            request = _Request(self.command, self.path, kept, body)
            already_gone = proxy.fault is not None and request.token in proxy.fault.gone
            fault = proxy.meet(request)
            if fault is None:
                self._reply(*proxy.send(request, self.upstream))
            elif already_gone:
                time.sleep(0.1)
                self._end(with_reset=True)
            else:
                self._fail(request, fault)

        def _fail(self, request: _Request, fault: StatementFault) -> None:
            kind = fault.kind
            if kind in BEFORE:
                self._end(with_reset=kind in RESETS)
                return
            if kind is Kind.REQUEST_LATE:
                threading.Thread(target=self._send_late, args=(request, fault.seconds), daemon=True).start()
                self._end(with_reset=True)
                return
            if kind in STATUSES:
                self._reply(STATUSES[kind], b"try again", "text/plain")
                return
            if kind is Kind.REQUEST_DELAYED:
                time.sleep(fault.seconds)
            twin: threading.Thread | None = None
            if kind is Kind.REPEATED_AT_ONCE:
                twin = threading.Thread(target=proxy.send, args=(request,), daemon=True)
                twin.start()
            status, body, content = proxy.send(request, self.upstream)
            if twin is not None:
                twin.join(REPLY_SECONDS)
            if kind is Kind.REPEATED:
                status, body, content = proxy.send(request, self.upstream)
            if kind is Kind.REPLY_503:
                self._reply(503, b"try again", "text/plain")
            elif kind is Kind.REPLY_CUT:
                self._reply(status, body, content, cut=True)
                self._end(with_reset=False)
            elif kind in (Kind.REPLY_LOST, Kind.REPLY_RESET, Kind.REPLY_GONE):
                self._end(with_reset=kind in RESETS)
            else:
                if kind is Kind.REPLY_DELAYED:
                    time.sleep(fault.seconds)
                self._reply(status, body, content)

        def _send_late(self, request: _Request, seconds: float) -> None:
            time.sleep(seconds)
            with suppress(OSError, HTTPException):
                proxy.send(request)

        def _reply(self, status: int, body: bytes, content: str, *, cut: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)

        def _end(self, *, with_reset: bool) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.wfile.flush()
            close(self.connection, with_reset=with_reset)

    return Handler
