"""A MariaDB server for tests."""

from __future__ import annotations

from pathlib import Path

from include.headrace.demo.mariadb_server import MariadbServer


def start_mariadb(tmp_path: Path, *options: str) -> MariadbServer:
    """Start a server with its data below ``tmp_path``. The caller stops it."""
    return MariadbServer(tmp_path / "mariadb", options).start()
