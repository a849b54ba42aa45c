"""Reaching a private source: through an SSH host where the source file names one, else directly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reached(tunnel: str | None, host: str, port: int) -> Iterator[tuple[str, int]]:
    """The address that a driver connects to for the block's length, to reach ``host`` and ``port``.

    Without ``tunnel`` that is the same host and port. Else ``tunnel`` is the id of an Airflow
    connection of type ssh, ``host`` and ``port`` are as that SSH host sees them, and the address is a
    port of 127.0.0.1. TLS must still be told to expect the name ``host``.

    Raises SourceError for what a person must mend (wrong login or key, host key that is unknown or
    another one, forwarding forbidden) and PassingError for what may pass (SSH host or target not
    reachable, connection lost). An error raised in the block after the tunnel broke becomes a
    PassingError that says so.
    """
    if tunnel is None:
        yield host, port
        return
    # Paramiko and its cryptography take a second to import.
    from include.headrace.readers.ssh_tunnel import tunnelled

    with tunnelled(tunnel, host, port) as address:
        yield address
