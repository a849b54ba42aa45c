"""The demo's API as a process of its own: loopback only, secrets of its own, any free port."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from include.headrace import settings
from include.headrace.demo.api.credentials import Credentials
from include.headrace.demo.private_file import owner_only
from include.headrace.demo.server_process import HOST, START_SECONDS, ServerError, ServerProcess, free_port

CLIENT_ID = "headrace"


class DemoApi(ServerProcess):
    """A server below ``home``: ``secrets.json``, ``process.json`` and ``server.log`` lie there.

    ``start`` makes the secrets the first time and keeps them afterwards. A server that an earlier process
    left behind is stopped before a new one starts. ``options`` are added to the command line of
    ``python -m include.headrace.demo.api``, such as ``("--token-seconds", "30")``.
    """

    def __init__(self, home: Path, options: tuple[str, ...] = ()) -> None:
        super().__init__(home)
        self._options = options

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def credentials(self) -> Credentials:
        """The secrets: made at the first start, then read from ``home``."""
        return Credentials(**json.loads(self._secrets_file.read_text()))

    def connections(self) -> dict[str, str]:
        """The values of the ``AIRFLOW_CONN_*`` variables of the API's two sources, by connection id."""
        mine = self.credentials
        where = {"conn_type": "http", "host": HOST, "schema": "http", "port": self.port}
        return {
            "weather_lga_api": json.dumps({**where, "password": mine.key}),
            "carriers_api": json.dumps({**where, "login": mine.client_id, "password": mine.client_secret}),
        }

    def start(self, port: int = 0) -> DemoApi:
        """Start the server and wait until it answers. ``port`` 0 takes any free one.

        Raises ServerError when it does not answer within 60 seconds.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self._stop_leftover()
        if not self._secrets_file.exists():
            made = Credentials(
                key=secrets.token_urlsafe(24),
                client_id=CLIENT_ID,
                client_secret=secrets.token_urlsafe(24),
                control_key=secrets.token_urlsafe(24),
            )
            owner_only(self._secrets_file, json.dumps(vars(made)))
        for _ in range(1 if port else 3):
            self.port = port or free_port()
            self._launch()
            if self._wait():
                return self
            # Another program may have taken the port a moment ago.
            if "address already in use" not in self._tail():
                break
        raise ServerError(f"The demo's API did not start. The end of {self.log}:\n{self._tail()}")

    def control(self, behaviour: dict[str, Any] | None = None) -> dict[str, Any]:
        """What ``/control`` answers, after setting the behaviour where one is given.

        See ``include/headrace/demo/api/behaviour.py``. Raises ValueError when the server refuses it.
        """
        body = None if behaviour is None else json.dumps(behaviour)
        key = self.credentials.control_key or ""
        status, answer = self._ask("GET" if body is None else "PUT", "/control", body, {"X-Control-Key": key})
        if status != 200:
            raise ValueError(f"The demo's API refuses {body}: {answer}")
        return answer

    def _launch(self) -> None:
        command = [
            sys.executable,
            "-m",
            "include.headrace.demo.api",
            "--port",
            str(self.port),
            *self._options,
        ]
        self._run(command, cwd=settings.PROJECT_ROOT, env={**os.environ, **self.credentials.environment()})

    def _wait(self) -> bool:
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.is_running:
            try:
                # Its process id tells our server from another on a port that was taken meanwhile.
                if self._ask("GET", "/health")[1] == {"pid": self._process.pid}:
                    return True
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(0.05)
        self.stop()
        return False

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    @property
    def _secrets_file(self) -> Path:
        return self.home / "secrets.json"
