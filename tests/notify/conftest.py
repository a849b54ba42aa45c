"""A webhook and a mail server of the tests' own, on loopback, and the connection that leads to them."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.webhook import Webhook, running_webhook

Connect = Callable[..., None]


@pytest.fixture(scope="session", autouse=True)
def airflow_logging() -> None:
    """Let Airflow set up its logging now: it does so at first use, and that takes caplog's handler away."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    with pytest.raises(AirflowNotFoundException):
        BaseHook.get_connection("headrace_tests_without_connection")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Set the connection ``headrace_notify``; called without arguments, there is none."""

    def set_connection(**fields: Any) -> None:
        monkeypatch.delenv("AIRFLOW_CONN_HEADRACE_NOTIFY", raising=False)
        if fields:
            monkeypatch.setenv("AIRFLOW_CONN_HEADRACE_NOTIFY", json.dumps(fields))

    set_connection()
    return set_connection


@pytest.fixture
def context() -> dict[str, Any]:
    """What Airflow gives a callback, as far as the notifier looks at it."""
    instance = SimpleNamespace(
        dag_id="ingest__shop",
        task_id="orders.load",
        run_id="manual__1",
        try_number=3,
        map_index=-1,
        log_url="http://airflow.example.com/dags/ingest__shop/runs/manual__1/tasks/orders.load",
    )
    return {"ti": instance, "run_id": "manual__1", "exception": RuntimeError("first line\nsecond line")}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as hook:
        yield hook


@dataclass
class Mailbox:
    """An SMTP server (RFC 5321, as far as a sender needs it) that keeps what it is sent."""

    port: int = 0
    refusals: list[bytes] = field(default_factory=list)
    """Answers to the next MAIL commands in place of 250."""
    attempts: int = 0
    messages: list[tuple[list[str], str]] = field(default_factory=list)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: bytes) -> None:
            self.wfile.write(line + b"\r\n")

        def handle(self) -> None:
            recipients: list[str] = []
            self.say(b"220 ready")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"MAIL":
                    box.attempts += 1
                    self.say(box.refusals.pop(0) if box.refusals else b"250 ok")
                elif verb == b"RCPT":
                    recipients.append(line.decode().split("<")[1].split(">")[0])
                    self.say(b"250 ok")
                elif verb == b"DATA":
                    self.say(b"354 go on")
                    lines = []
                    while (text := self.rfile.readline()) != b".\r\n":
                        lines.append(text)
                    box.messages.append((recipients, b"".join(lines).decode()))
                    self.say(b"250 ok")
                elif verb == b"QUIT":
                    self.say(b"221 bye")
                    return
                else:
                    self.say(b"250 ok")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield box
    server.shutdown()
    thread.join()
    server.server_close()
