"""A MongoDB server of one's own: its own data folder, loopback only, a password, any free port.

The server is the wheel ``secantusdb``, which speaks MongoDB's wire protocol, or ``mongod`` from PATH
when that is not installed. Both run as a process of their own and ask for a password (SCRAM-SHA-256).
``mongod`` runs alone, without a replica set, so that it has no snapshot reads.
"""

from __future__ import annotations

import importlib.util
import json
import secrets
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.headrace.demo.private_file import owner_only
from include.headrace.demo.server_process import (
    HOST,
    START_SECONDS,
    USER,
    ServerError,
    ServerProcess,
    free_port,
)

if TYPE_CHECKING:
    from pymongo import MongoClient

ADMIN = "admin"
"""The database in which MongoDB keeps its users."""
ATTEMPT_MILLISECONDS = 500
"""How long one try to reach a server that is starting may take."""


def program() -> list[str]:
    """How the server is started, without its options. Raises ServerError when there is none."""
    if importlib.util.find_spec("secantus") is not None:
        return [sys.executable, "-m", "secantus"]
    found = shutil.which("mongod")
    if found is not None:
        return [found]
    raise ServerError("No MongoDB: install the wheel secantusdb, or put mongod on PATH.")


class MongoServer(ServerProcess):
    """A server below ``home``: the data, ``password``, ``process.json`` and ``server.log`` lie there.

    ``start`` makes the data folder and the user the first time and keeps them afterwards; ``stop``
    leaves the data. A server that an earlier process left behind is stopped before a new one starts.
    ``options`` are added to the server's command line, such as those of TLS, and ``client_options``
    are what a client then needs, by their names in pymongo and in the extra of a connection.
    """

    def __init__(
        self,
        home: Path,
        options: tuple[str, ...] = (),
        client_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(home)
        self._program = program()
        self._is_mongod = self._program[0].endswith("mongod")
        # Neither program reads the other's files.
        self.data = self.home / ("data-mongod" if self._is_mongod else "data")
        self._options = options
        self._client_options = dict(client_options or {})

    @property
    def password(self) -> str:
        """The user's password: made at the first start, then read from ``home``."""
        return self._password_file.read_text()

    @property
    def uri(self) -> str:
        """The server's address with login, for pymongo. It holds the password."""
        return (
            f"mongodb://{USER}:{self.password}@{HOST}:{self.port}/?authSource={ADMIN}&directConnection=true"
        )

    def connection_json(self, database: str = "test", extra: dict[str, Any] | None = None) -> str:
        """The value of an ``AIRFLOW_CONN_*`` variable for a database of this server."""
        return json.dumps(
            {
                "conn_type": "mongo",
                "host": HOST,
                "port": self.port,
                "login": USER,
                "password": self.password,
                "schema": database,
                "extra": {"authSource": ADMIN, **self._client_options, **(extra or {})},
            }
        )

    def client(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """A client signed in as the user. The caller closes it."""
        from pymongo import MongoClient

        return MongoClient(self.uri, **{**self._client_options, **options})

    def start(self, port: int = 0) -> MongoServer:
        """Start the server and wait until it answers. ``port`` 0 takes any free one.

        Raises ServerError when it does not answer within 60 seconds.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self._stop_leftover()
        if not self._password_file.exists():
            self._make_user()
        self._launch(port, "--auth", *self._options)
        with self.client(serverSelectionTimeoutMS=ATTEMPT_MILLISECONDS) as client:
            self._wait(client)
        return self

    @property
    def _password_file(self) -> Path:
        # Of one program's data folder: the password is no use without the user in it.
        return self.home / ("password-mongod" if self._is_mongod else "password")

    def _make_user(self) -> None:
        """Make the data folder anew with one user, and only then keep that user's password.

        Until there is a user nobody could sign in, so this server runs without passwords, on loopback
        and without any data, for a moment.
        """
        from pymongo import MongoClient

        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        self._launch(0)
        address = f"mongodb://{HOST}:{self.port}/?directConnection=true"
        with MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=ATTEMPT_MILLISECONDS) as client:
            self._wait(client)
            client[ADMIN].command("createUser", USER, pwd=password, roles=["root"])
        self.stop()
        owner_only(self._password_file, password)

    def _launch(self, port: int, *options: str) -> None:
        self.port = port or free_port()
        if self._is_mongod:
            own = ["--dbpath", str(self.data), "--bind_ip", HOST, "--nounixsocket"]
        else:
            # Without a file of settings named here it would look for one in the user's home.
            settings = self.home / "server.toml"
            settings.touch()
            own = ["--config", str(settings), "--host", HOST, "--storage-path", str(self.data)]
        self._run([*self._program, *own, "--port", str(self.port), *options], cwd=self.home)

    def _wait(self, client: MongoClient[dict[str, Any]]) -> None:
        """Wait until the server answers this client; stop it when it does not within 60 seconds."""
        from pymongo.errors import ConnectionFailure, PyMongoError

        until = time.monotonic() + START_SECONDS
        said = ""
        while time.monotonic() < until and self.is_running:
            try:
                client[ADMIN].command("ping")
                return
            except ConnectionFailure:
                continue
            except PyMongoError as error:
                said = f" It said: {error}."
                break
        self.stop()
        raise ServerError(f"MongoDB did not start.{said} The end of {self.log}:\n{self._tail()}")
