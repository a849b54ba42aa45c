"""Signing in to an SSH host through Airflow's hook, and its errors told apart by what a retry can do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import paramiko  # type: ignore[import-untyped]

from include.headrace.errors import HeadraceError, PassingError, SourceError
from include.headrace.readers.connections import named

if TYPE_CHECKING:
    from airflow.providers.ssh.hooks.ssh import SSHHook

KEEPALIVE_SECONDS = 30
LOST_AFTER_SECONDS = 120
"""After so long without an answer to what was sent, keepalives included, the SSH host is gone. Linux
would wait a quarter of an hour (tcp(7), tcp_retries2)."""

CONNECT_SECONDS = 15
PASSING_LOGIN = ("timeout", "transport shut down")
"""What paramiko says of a login that was not refused but never answered (its auth_handler.py)."""


@contextmanager
def signed_in(connection_id: str) -> Iterator[paramiko.Transport]:
    """The transport of an SSH connection, closed at the end. See ``reached`` for what is raised."""
    hook = _hook_of(connection_id)
    try:
        client = hook.get_conn()
    except (paramiko.SSHException, EOFError, OSError, ValueError) as error:
        raise _connect_error(error, hook) from None
    try:
        transport = client.get_transport()
        if isinstance(transport.sock, socket.socket):
            _find_silence(transport.sock)
        yield transport
    finally:
        client.close()


def _hook_of(connection_id: str) -> SSHHook:
    """Airflow's hook of a connection, which checks the host's key unless it is told not to."""
    from airflow.providers.common.compat.sdk import AirflowException
    from airflow.providers.ssh.hooks.ssh import SSHHook

    try:
        with named(connection_id, field="tunnel"):
            # A wrong password tried three times locks an account; Airflow retries what may pass.
            hook = SSHHook(connection_id, keepalive_interval=KEEPALIVE_SECONDS, conn_retry_attempts=1)
            extra = hook.get_connection(connection_id).extra_dejson
    except (AirflowException, ValueError) as error:
        raise SourceError(f"The SSH connection {connection_id!r} is not complete or right: {error}") from None
    # Older versions of the provider check only where a key is given.
    hook.no_host_key_check = _is_true(extra.get("no_host_key_check"))
    if hook.allow_host_key_change and not hook.no_host_key_check:
        raise SourceError(
            f"The SSH connection {connection_id!r} has allow_host_key_change, with which any host may pass "
            "for this one; remove it and give host_key, or say no_host_key_check: true."
        )
    hook.conn_timeout = hook.conn_timeout or CONNECT_SECONDS
    return hook


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _find_silence(sock: socket.socket) -> None:
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_AFTER_SECONDS * 1000)


def _connect_error(error: Exception, hook: SSHHook) -> HeadraceError:
    where = f"The SSH connection {hook.ssh_conn_id!r} to {hook.remote_host}:{hook.port}"
    text = str(error)
    if isinstance(error, paramiko.BadHostKeyException):
        return SourceError(
            f"{where} is refused: the host shows another key ({error.key.get_name()} "
            f"{error.key.get_base64()}) than the one known. If its keys were changed on purpose, correct "
            "host_key in the connection's extra, or known_hosts."
        )
    if "not found in known_hosts" in text:
        return SourceError(
            f"{where} is refused: the host's key is not known. Put the key into the connection's extra as "
            "host_key, or into known_hosts."
        )
    if isinstance(error, paramiko.AuthenticationException) and not any(
        said in text for said in PASSING_LOGIN
    ):
        return SourceError(
            f"{where} is refused: user {hook.username!r} could not sign in ({text}). Correct login, "
            "password or key of the connection."
        )
    if "No authentication methods" in text:
        return SourceError(f"{where} has neither a password nor a key to sign in with; add one.")
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return SourceError(f"{where} cannot read its key file: {text}. Correct key_file in the extra.")
    if isinstance(error, (paramiko.ssh_exception.IncompatiblePeer, ValueError)):
        return SourceError(f"{where} cannot be made: {text}. Correct the connection.")
    return PassingError(f"{where} failed: {type(error).__name__}: {text}. Is the host up and reachable?")
