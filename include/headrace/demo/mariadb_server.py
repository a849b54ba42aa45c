"""A MariaDB server of one's own: its own data folder, loopback only, a password, any free port.

The binaries are those of the machine (Debian: mariadb-server-core, and mariadb-client-core for
its installer). The server reads none of the machine's configuration, and listens on no socket but its port.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.headrace.demo.private_file import owner_only
from include.headrace.demo.server_process import (
    HOST,
    START_SECONDS,
    USER,
    ServerError,
    ServerProcess,
    free_port,
)

BINARY_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
"""Where servers lie that are on root's PATH alone."""

WORTH_A_RETRY = "Bind on TCP/IP port"
"""What the log says when the port was taken a moment ago."""

SETTINGS = (
    f"--bind-address={HOST}",
    "--socket=",
    "--skip-name-resolve",
    "--default-time-zone=+00:00",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--local-infile=OFF",
    "--max-connections=50",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
    # A crash of the server still loses nothing; a crash of the machine may lose the last second.
    "--innodb-flush-log-at-trx-commit=2",
)
"""A server for one machine's trials: small, in UTC and UTF-8, reached by its port alone (an empty
``--socket`` makes none, so that no path can be too long for one)."""

ACCOUNTS = """\
FLUSH PRIVILEGES;
CREATE USER '{user}'@'{host}' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO '{user}'@'{host}' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User NOT IN ('{user}', 'mariadb.sys');
DELETE FROM mysql.proxies_priv;
"""
"""Leaves one account that can sign in; ``mariadb.sys`` is locked and owns the system's views."""


def binary(*names: str) -> Path:
    """The first of the programs that is there. Raises ServerError, naming the package, when none is."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *BINARY_FOLDERS))
    for name in names:
        found = shutil.which(name, path=path)
        if found is not None:
            return Path(found)
    raise ServerError(
        f"No MariaDB: {' or '.join(names)} is missing. Install mariadb-server-core and "
        "mariadb-client-core (apt-get), or mariadb (brew)."
    )


class MariadbServer(ServerProcess):
    """A server below ``home``: ``data`` holds the databases, ``password`` and ``server.log`` lie beside it.

    ``start`` makes the data the first time and keeps it afterwards; ``stop`` leaves it. A server
    that an earlier process left behind is stopped before a new one starts. ``options`` are further
    options of mariadbd, such as those of TLS.
    """

    def __init__(self, home: Path, options: Sequence[str] = ()) -> None:
        super().__init__(home)
        self.data = self.home / "data"
        self._options = tuple(options)
        self._server = binary("mariadbd", "mysqld")
        self._installer = binary("mariadb-install-db", "mysql_install_db")

    @property
    def password(self) -> str:
        """The account's password: made at the first start, then read from ``home``."""
        return (self.home / "password").read_text()

    def connection_json(self, database: str, extra: dict[str, Any] | None = None) -> str:
        """The value of an ``AIRFLOW_CONN_*`` variable for a database of this server."""
        return json.dumps(
            {
                "conn_type": "mysql",
                "host": HOST,
                "port": self.port,
                "login": USER,
                "password": self.password,
                "schema": database,
                "extra": extra or {},
            }
        )

    def execute(
        self, statement: str, values: Sequence[Any] = (), database: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Run SQL in a connection of its own with autocommit; the rows of the last statement.

        ``values`` stand for ``%s`` in the statement; without any, a ``%`` is just that.
        """
        with self._connected(database) as connection:
            cursor = connection.cursor()
            cursor.execute(statement, tuple(values) or None)
            rows = list(cursor.fetchall()) if cursor.description else []
            while cursor.nextset() is not None:
                rows = list(cursor.fetchall()) if cursor.description else []
            return rows

    def execute_many(
        self, statement: str, rows: Sequence[Sequence[Any]], database: str | None = None
    ) -> None:
        """Run an INSERT for many rows of values, in few statements."""
        with self._connected(database) as connection:
            connection.cursor().executemany(statement, rows)

    def _connected(self, database: str | None) -> contextlib.closing[Any]:
        import MySQLdb

        return contextlib.closing(
            MySQLdb.connect(
                host=HOST,
                port=self.port,
                user=USER,
                passwd=self.password,
                db=database or "",
                charset="utf8mb4",
                autocommit=True,
            )
        )

    def start(self, port: int = 0) -> MariadbServer:
        """Start the server and wait until it answers. ``port`` 0 takes any free one.

        Raises ServerError when it cannot start within 60 seconds, or when the data was made by
        another version.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        if self.is_running:
            return self
        self._stop_leftover()
        if not self.data.exists():
            self._make_data()
        self._check_version()
        for _ in range(3):
            self.port = port or free_port()
            self._launch()
            if self._wait():
                return self
            if WORTH_A_RETRY not in self._log_text():
                break
            time.sleep(1)
        raise ServerError(f"MariaDB did not start. The end of {self.log}:\n{self._tail()}")

    def _identity(self) -> list[str]:
        """MariaDB runs as root only when it is told to."""
        return [f"--user={pwd.getpwuid(0).pw_name}"] if os.geteuid() == 0 else []

    def _make_data(self) -> None:
        """Make the data in a folder aside and rename it, so that half-made data is never used."""
        new = self.home / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        accounts = self.home / "accounts.sql"
        accounts.unlink(missing_ok=True)
        try:
            owner_only(accounts, ACCOUNTS.format(user=USER, host=HOST, password=password))
            done = subprocess.run(
                [
                    str(self._installer),
                    "--no-defaults",
                    f"--datadir={new}",
                    *self._identity(),
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--skip-name-resolve",
                    f"--extra-file={accounts}",
                ],
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
            )
            if done.returncode:
                said = done.stdout.replace(password, "***").strip()
                raise ServerError(f"{self._installer.name} failed: {said[-2000:]}")
        finally:
            accounts.unlink(missing_ok=True)
        (self.home / "password").unlink(missing_ok=True)
        owner_only(self.home / "password", password)
        new.rename(self.data)

    def _check_version(self) -> None:
        made = (self.data / "mysql_upgrade_info").read_text().strip()
        printed = subprocess.run([str(self._server), "--version"], check=True, capture_output=True, text=True)
        found = re.search(r"Ver (\d+\.\d+)\.\d+-MariaDB", printed.stdout)
        if found is None:
            raise ServerError(f"{self._server} is not MariaDB: {printed.stdout.strip()}")
        if not made.startswith(f"{found[1]}."):
            raise ServerError(
                f"{self.data} was made by MariaDB {made}; {self._server} is {found[1]}. Delete {self.home}."
            )

    def _launch(self) -> None:
        self._run(
            [
                str(self._server),
                "--no-defaults",
                f"--datadir={self.data}",
                f"--port={self.port}",
                *self._identity(),
                *SETTINGS,
                *self._options,
            ]
        )

    def _wait(self) -> bool:
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                return False
            if "ready for connections" in self._log_text():
                return True
            time.sleep(0.05)
        self.stop()
        return False
