"""A PostgreSQL server for tests."""

from __future__ import annotations

from pathlib import Path

from include.headrace.demo.postgres_server import PostgresServer


def start_postgres(tmp_path: Path) -> PostgresServer:
    """Start a server with its data below ``tmp_path``. The caller stops it."""
    return PostgresServer(tmp_path / "postgres").start()
